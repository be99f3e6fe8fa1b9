// Command torture sends the torture messages of RFC 4475 and RFC 5118, octet by octet, to a bridge on the loopback, over UDP and
// over TCP, and prints what came back beside what must: docs/torture.md is what it prints. The messages are in
// sipua/message/testdata.
//
// Over UDP the answers come to the port that the messages' Via has, 5060 mostly. So that this disturbs nobody, the command runs in a
// network namespace of its own where the system lets it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() { os.Exit(start()) }

func start() int {
	if code, ran := alone(); ran {
		return code
	}
	update := flag.Bool("update", false, "write docs/torture.md")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	root, err := root()
	if err == nil {
		err = report(ctx, os.Stdout, root, *update)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		return 1
	}
	return 0
}

// report runs every row, prints the table to w, and writes it to docs/torture.md where update is set. It is an error if anything
// came out differently than it must.
func report(ctx context.Context, w io.Writer, root string, update bool) error {
	text, differing, err := table(ctx, filepath.Join(root, "sipua/message/testdata"))
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	if update {
		if err := os.WriteFile(filepath.Join(root, "docs/torture.md"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if differing > 0 {
		return fmt.Errorf("%d outcomes differ from what they must be", differing)
	}
	return nil
}

// table runs every row and returns the text of docs/torture.md and how many outcomes differ.
func table(ctx context.Context, dir string) (text string, differing int, err error) {
	var b strings.Builder
	b.WriteString(preface)
	sections := []struct {
		title string
		rows  []row
	}{
		{"RFC 4475: torture test messages", rfc4475}, {"RFC 5118: torture test messages for IPv6", rfc5118}, {"RFC 5118 with the Content-Length put right", corrected},
	}
	messages := 0
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| message | § | what it is | UDP: wanted | got | TCP: wanted | got | why |\n|---|---|---|---|---|---|---|---|\n", s.title)
		for _, r := range s.rows {
			udp, tcp, err := r.run(ctx, dir)
			if err != nil {
				return "", 0, fmt.Errorf("%s: %w", r.file, err)
			}
			for _, got := range [][2]string{{udp, r.udp}, {tcp, r.overTCP()}} {
				if got[0] != got[1] {
					differing++
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", filepath.Base(r.file), r.section, r.what, r.udp, udp, r.overTCP(), tcp, r.why)
		}
		messages += len(s.rows)
	}
	fmt.Fprintf(&b, "\n%d messages over UDP and TCP; %d outcomes differ from what they must be.\n", messages, differing)
	return b.String(), differing, nil
}

const preface = `# Torture table

What a bridge answers to the messages of RFC 4475 and RFC 5118, over UDP and TCP, beside what it must. Printed by ` + "`make torture`" + `, written
by ` + "`go run ./test/torture -update`" + `; a test fails when this is not what comes out. How the parser reads each message, field by field, is a
table in sipua/message/torture_test.go; where the octets come from, in sipua/message/testdata/SOURCES.md.

A number is the final response's status; a call that is answered with 200 is acknowledged and hung up, and its BYE must get 200
too. *nothing*: no response, and the OPTIONS (over TCP: the keepalive) behind the message is answered. *closed*: the bridge ended the connection,
because nobody can tell where the next message begins. Every row has a bridge of its own, which answers any room number.
`

// root finds the module's folder, from which paths are told.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("there is no go.mod above the current folder")
		}
		dir = up
	}
}
