package test

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// mediaPorts are the UDP ports of the bridge's own sockets that lie where the media ports of the tests are.
func (b *running) mediaPorts(t *testing.T) []int {
	t.Helper()
	inodes := map[string]bool{}
	dir := fmt.Sprintf("/proc/%d/fd", b.PID)
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if link, err := os.Readlink(dir + "/" + e.Name()); err == nil && strings.HasPrefix(link, "socket:[") {
			inodes[strings.Trim(link[len("socket:"):], "[]")] = true
		}
	}
	f, err := os.Open("/proc/net/udp")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var ports []int
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || !inodes[fields[9]] {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		port, err := strconv.ParseInt(hex, 16, 32)
		if err == nil && port >= firstMediaPort && port < firstMediaPort+mediaRanges*mediaPorts {
			ports = append(ports, int(port))
		}
	}
	return ports
}
