package message

import "strings"

// Param is one ";name=value" of a header value or a URI.
type Param struct {
	Name string
	// Value is empty for a bare ";name". In header values it is without quotes and escapes; in URIs with its escapes.
	Value  string
	Quoted bool // the value is written as a quoted string whether or not it has to be
}

// Params are parameters in order. The methods that change return a new slice and leave the old one as it is, so that
// copies of a value never change each other. Names are compared without regard to case.
type Params []Param

// Find returns a parameter's value and whether it is there.
func (p Params) Find(name string) (string, bool) {
	for i := range p {
		if strings.EqualFold(p[i].Name, name) {
			return p[i].Value, true
		}
	}
	return "", false
}

// Has says whether a parameter is there.
func (p Params) Has(name string) bool { _, ok := p.Find(name); return ok }

// With returns the parameters with one set; it keeps its place if it was there.
func (p Params) With(name, value string) Params {
	out := make(Params, len(p), len(p)+1)
	copy(out, p)
	for i := range out {
		if strings.EqualFold(out[i].Name, name) {
			out[i] = Param{Name: out[i].Name, Value: value}
			return out
		}
	}
	return append(out, Param{Name: name, Value: value})
}

// Without returns the parameters with one taken away.
func (p Params) Without(name string) Params {
	out := make(Params, 0, len(p))
	for _, q := range p {
		if !strings.EqualFold(q.Name, name) {
			out = append(out, q)
		}
	}
	return out
}
