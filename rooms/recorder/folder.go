package recorder

import (
	"os"
)

// folder is that of a recording that is not whole yet.
type folder struct {
	root *os.Root
	id   string
	make func(root *os.Root, name string) (file, error)
}

func (f folder) create(name string) (file, error) { return f.make(f.root, part(f.id, name)) }

func (f folder) open(name string) (*os.File, error) { return f.root.Open(part(f.id, name)) }

func (f folder) rename(from, to string) error { return f.root.Rename(part(f.id, from), part(f.id, to)) }

func (f folder) remove(name string) error { return f.root.Remove(part(f.id, name)) }
