package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFileBytes bounds a configuration file.
const maxFileBytes = 64 << 10

// Load reads the file of that name, or takes the defaults where name is empty, and lets the environment override them.
// The error is Faults: all that is wrong, in the file and in the environment.
func Load(name string, getenv func(string) string) (Config, error) {
	var data []byte
	if name != "" {
		var err error
		if data, err = read(name); err != nil {
			return Config{}, Faults{{Source: name, Message: err.Error()}}
		}
	}
	return Parse(name, data, getenv)
}

func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		if pathErr, ok := errors.AsType[*os.PathError](err); ok {
			err = pathErr.Err
		}
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("is longer than %d bytes", maxFileBytes)
	}
	return data, nil
}

// Parse is Load of a file's content.
func Parse(name string, data []byte, getenv func(string) string) (Config, error) {
	l := &loader{source: name, getenv: getenv, cfg: Default(), places: map[string]place{}, seen: map[string]bool{}}
	l.file(data)
	l.environment()
	l.defaults()
	l.cross()
	l.crossTrunks()
	l.crossRooms()
	l.crossDistributions()
	l.crossSources()
	l.crossNumbers()
	if len(l.faults) > 0 {
		l.faults.sort()
		return Config{}, l.faults
	}
	return l.cfg, nil
}

// place is where a value came from.
type place struct {
	source       string
	line, column int
}

// origin is an entry of a list and where it came from.
type origin struct {
	path string
	at   place
}

// loader reads one configuration.
type loader struct {
	source string
	getenv func(string) string
	cfg    Config
	faults Faults
	places map[string]place // of each value that was read, by its key's path
	seen   map[string]bool  // keys that the file or the environment has set, rightly or wrongly
	// listeners says where each of cfg.SIP.Listen came from; empty as long as they are the defaults.
	listeners []origin
}

func (l *loader) fault(at place, path, format string, args ...any) {
	l.faults = append(l.faults, Fault{
		Source: at.source, Line: at.line, Column: at.column, Key: path, Message: fmt.Sprintf(format, args...),
	})
}

func (l *loader) at(tk *token.Token) place {
	p := place{source: l.source}
	if tk != nil && tk.Position != nil {
		p.line, p.column = tk.Position.Line, tk.Position.Column
	}
	return p
}

func (l *loader) file(data []byte) {
	// The parser is told to let a key stand twice so that one of them does not hide all other faults.
	tree, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := place{source: l.source}, err.Error()
		if yamlErr, ok := errors.AsType[yaml.Error](err); ok {
			at, message = l.at(yamlErr.GetToken()), yamlErr.GetMessage()
		}
		l.fault(at, "", "no valid YAML: %s", message)
		return
	}
	for i, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if i > 0 {
			l.fault(l.at(doc.Body.GetToken()), "", "a second document begins here; only one is read")
			return
		}
		l.section("", doc.Body, keys())
	}
}

// section reads a mapping whose keys begin with prefix.
func (l *loader) section(prefix string, node ast.Node, known []key) {
	var entries []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	case *ast.NullNode, *ast.CommentGroupNode:
		return
	default:
		l.fault(l.at(node.GetToken()), strings.TrimSuffix(prefix, "."), "is %s, not keys with values", describe(node))
		return
	}
	for _, e := range entries {
		l.entry(prefix, e, known)
	}
}

func (l *loader) entry(prefix string, e *ast.MappingValueNode, known []key) {
	tk := e.Key.GetToken()
	path := prefix + tk.Value
	if l.seen[path] {
		l.fault(l.at(tk), path, "stands here for the second time")
		return
	}
	l.seen[path] = true
	for _, k := range known {
		if k.path == path {
			l.value(k, e)
			return
		}
		if strings.HasPrefix(k.path, path+".") {
			l.section(path+".", e.Value, known)
			return
		}
	}
	l.fault(l.at(tk), path, "no such key%s", suggestion(prefix, known))
}

// value reads the value of k.
func (l *loader) value(k key, e *ast.MappingValueNode) {
	at := l.at(e.Value.GetToken())
	if _, null := e.Value.(*ast.NullNode); null {
		at = l.at(e.Key.GetToken())
	}
	l.places[k.path] = at
	switch k.shape {
	case list, records:
		l.entries(k, e.Value, at)
	case table:
		l.table(k, e.Value, at)
	case flag:
		b, ok := e.Value.(*ast.BoolNode)
		if !ok {
			l.fault(at, k.path, "is %s, not true or false", describe(e.Value))
			return
		}
		l.set(k, k.path, b.GetToken().Value, at)
	default:
		s, ok := textOf(e.Value)
		if !ok {
			l.fault(at, k.path, "is %s, not text", describe(e.Value))
			return
		}
		l.set(k, k.path, s, at)
	}
}

func (l *loader) entries(k key, node ast.Node, at place) {
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		l.fault(at, k.path, "is %s, not a list", describe(node))
		return
	}
	if len(seq.Values) == 0 && !k.empty && k.shape == list {
		l.fault(at, k.path, "is an empty list")
	}
	l.reset(k)
	for i, v := range seq.Values {
		l.item(k, fmt.Sprintf("%s[%d]", k.path, i), v)
	}
}

// item reads one entry of a list.
func (l *loader) item(k key, path string, node ast.Node) {
	at := l.at(node.GetToken())
	_, one := node.(*ast.MappingValueNode)
	_, many := node.(*ast.MappingNode)
	switch s, ok := textOf(node); {
	case k.add != nil && (one || many):
		k.add(&l.cfg)
		l.noteListener(k, path, at)
		l.places[path] = at
		fields := k.fields(path)
		l.section(path+".", node, fields)
		for _, f := range fields {
			if f.needed && !l.seen[f.path] {
				l.fault(at, f.path, "is missing")
			}
		}
	case k.shape == records:
		l.fault(at, path, "is %s, not keys with values", describe(node))
	case !ok:
		l.fault(at, path, "is %s, not text", describe(node))
	default:
		l.set(k, path, s, at)
	}
}

// table reads a mapping whose keys are names of the user's own.
func (l *loader) table(k key, node ast.Node, at place) {
	var entries []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		l.fault(at, k.path, "is %s, not names with values", describe(node))
		return
	}
	for _, e := range entries {
		name := e.Key.GetToken().Value
		path, at := k.path+"."+name, l.at(e.Value.GetToken())
		s, ok := textOf(e.Value)
		switch {
		case l.seen[path]:
			l.fault(l.at(e.Key.GetToken()), path, "stands here for the second time")
		case !ok:
			l.fault(at, path, "is %s, not text", describe(e.Value))
		default:
			if k.secret {
				s = l.secret(s, path, at)
			}
			l.report(k.put(&l.cfg, name, s), path, at)
		}
		l.seen[path] = true
	}
}

func (l *loader) set(k key, path, s string, at place) {
	if k.secret {
		s = l.secret(s, path, at)
	}
	if l.report(k.set(&l.cfg, s), path, at) {
		l.noteListener(k, path, at)
	}
}

// report notes each line of an error as a fault, and says whether there was none.
func (l *loader) report(err error, path string, at place) bool {
	if err == nil {
		return true
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		l.fault(at, path, "%s", line)
	}
	return false
}

// secret is a text, or what the environment variable holds that it names as "env:NAME".
func (l *loader) secret(s, path string, at place) string {
	name, named := strings.CutPrefix(s, "env:")
	if !named {
		return s
	}
	value := l.getenv(name)
	if value == "" {
		l.fault(at, path, "the environment variable %s is empty or not set", name)
	}
	return value
}

// noteListener remembers where an entry of sip.listen stands.
func (l *loader) noteListener(k key, path string, at place) {
	if k.path == listenKey {
		l.listeners = append(l.listeners, origin{path: path, at: at})
	}
}

// reset empties a list before the first entry that replaces it.
func (l *loader) reset(k key) {
	k.clear(&l.cfg)
	if k.path == listenKey {
		l.listeners = nil
	}
}

// environment lets variables override the file.
func (l *loader) environment() {
	for _, k := range keys() {
		s := ""
		if k.env != "" {
			s = l.getenv(k.env)
		}
		if s == "" {
			continue
		}
		l.seen[k.path] = true
		at := place{source: k.env}
		l.places[k.path] = at
		if k.shape != list {
			l.set(k, k.path, s, at)
			continue
		}
		l.reset(k)
		for i, part := range strings.Split(s, ",") {
			l.set(k, fmt.Sprintf("%s[%d]", k.path, i), strings.TrimSpace(part), at)
		}
	}
}

// defaults checks those defaults that depend on the machine.
func (l *loader) defaults() {
	if l.seen["data_dir"] {
		return
	}
	if err := checkWritable(l.cfg.DataDir); err != nil {
		l.fault(place{source: "default"}, "data_dir", "%v", err)
	}
}

// textOf is a scalar that YAML reads as a string, or as a number: the key can say better what it wants instead.
func textOf(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.IntegerNode, *ast.FloatNode:
		return n.GetToken().Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

// describe is a node's kind in people's words.
func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys with values"
	}
	return "YAML of kind " + strings.ToLower(node.Type().String())
}

// suggestion lists what may stand behind prefix.
func suggestion(prefix string, known []key) string {
	var names []string
	for _, k := range known {
		rest, ok := strings.CutPrefix(k.path, prefix)
		name, _, _ := strings.Cut(rest, ".")
		if ok && (len(names) == 0 || names[len(names)-1] != name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; there are " + strings.Join(names, ", ")
}
