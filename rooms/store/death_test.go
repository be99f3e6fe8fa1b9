package store

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms"
	"github.com/confbridge/confbridge/rooms/dialplan"
)

// deaths is how many processes are killed; make kills has CONFBRIDGE_TEST_KILLS=200.
func deaths(t *testing.T) int {
	s := os.Getenv("CONFBRIDGE_TEST_KILLS")
	if s == "" {
		return 3
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// prefixes tell what is changed: a room, a ban or a dialled number.
var prefixes = [...]string{"", "b", "n"}

// changeBan makes, changes or lifts a ban, whose ID is a number behind a b.
func changeBan(ctx context.Context, s *Store, id, name string) error {
	if name == "" {
		return s.RemoveBan(ctx, "1000", id)
	}
	return s.PutBan(ctx, "1000", rooms.Ban{ID: id, Address: "sip:" + id + "@192.0.2.1", DisplayName: name, Expires: time.Now().Add(time.Hour)})
}

// changeNumber makes, changes or deletes a dialled number, which is a number behind an n; where it leads is told by its name.
func changeNumber(ctx context.Context, s *Store, dialled, name string) error {
	if name == "" {
		return s.RemoveNumber(ctx, dialplan.Key{Dialled: dialled})
	}
	return s.PutNumber(ctx, dialplan.Number{Dialled: dialled, Room: name})
}

// writeForEver makes, changes and deletes rooms, bans and dialled numbers, and prints "try NUMBER NAME" before and "done NUMBER NAME" after each; an empty name is a
// deleted one. It is killed at some moment.
func writeForEver(dir string) {
	ctx := context.Background()
	s, kept, marks, err := Open(ctx, Config{Dir: dir, URL: os.Getenv(childURL)})
	if err != nil {
		fmt.Println("failed", err)
		return
	}
	g := rooms.NewRegistry(rooms.Config{})
	if err := g.Restore(ctx, rooms.Memory{Keeper: s, Rooms: kept, Marks: marks}); err != nil {
		fmt.Println("failed", err)
		return
	}
	for i := 0; ; i++ {
		number := fmt.Sprint(rand.IntN(20))
		name := fmt.Sprintf("%d.%d", os.Getpid(), i)
		_, missing := g.Info(ctx, number)
		deletes, what := missing == nil && rand.IntN(3) == 0, prefixes[rand.IntN(len(prefixes))]
		if what != "" {
			number, deletes = what+number, rand.IntN(3) == 0
		}
		if deletes {
			name = ""
		}
		fmt.Printf("try %s %s\n", number, name)
		switch {
		case what == "b":
			err = changeBan(ctx, s, number, name)
		case what == "n":
			err = changeNumber(ctx, s, number, name)
		case deletes:
			err = g.Delete(ctx, number, false)
		case missing != nil:
			_, err = g.Create(ctx, number, rooms.Settings{DisplayName: name})
		default:
			_, err = g.Update(ctx, number, rooms.SettingsPatch{DisplayName: &name})
		}
		if err != nil {
			fmt.Println("failed", err)
			return
		}
		fmt.Printf("done %s %s\n", number, name)
	}
}

// story is what a process had confirmed when it died, by number, and what it was about to do.
type story struct {
	confirmed    map[string]string
	number, name string // tried
	done         int
}

// killed runs writeForEver over what is there, and kills it after a while.
func killed(t *testing.T, cfg Config, before map[string]string) story {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+cfg.Dir, childURL+"="+cfg.URL)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	st := story{confirmed: maps.Clone(before)}
	lines := bufio.NewScanner(out)
	last := 1 + rand.IntN(60) // confirmed changes, and then some microseconds
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		number, name, _ := strings.Cut(rest, " ")
		switch word {
		case "try":
			st.number, st.name = number, name
			if st.done == last {
				time.AfterFunc(time.Duration(rand.IntN(2000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
			}
		case "done":
			st.confirmed[number] = name
			st.number = ""
			st.done++
		default:
			t.Errorf("the process says %q", lines.Text())
		}
	}
	_ = cmd.Wait() // it was killed
	if st.done < last {
		t.Fatalf("the process ended by itself after %d changes", st.done)
	}
	return st
}

func TestWhatIsConfirmedOutlivesTheProcess(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config) { surviveDeaths(t, cfg) })
}

func surviveDeaths(t *testing.T, cfg Config) {
	confirmed := map[string]string{}
	changes := 0
	for death := range deaths(t) {
		st := killed(t, cfg, confirmed)
		changes += st.done
		s, kept, _ := opened(t, cfg)
		closeStore(t, s)
		got := map[string]string{}
		for _, k := range kept {
			got[k.Number] = k.DisplayName
		}
		for _, b := range s.Bans() {
			got[b.ID] = b.DisplayName
		}
		for _, n := range s.Numbers() {
			got[n.Dialled] = n.Room
		}
		next := maps.Clone(got)
		for i := range 20 * len(prefixes) {
			number := prefixes[i%len(prefixes)] + fmt.Sprint(i/len(prefixes))
			if got[number] != st.confirmed[number] && (number != st.number || got[number] != st.name) {
				t.Errorf("death %d: %s is %q, confirmed was %q, tried %q for %q", death, number, got[number], st.confirmed[number], st.name, st.number)
			}
			delete(got, number)
			st.confirmed[number] = ""
		}
		if len(got) > 0 {
			t.Errorf("death %d: what nobody made: %v", death, got)
		}
		confirmed = next
	}
	t.Logf("%d changes were confirmed", changes)
}
