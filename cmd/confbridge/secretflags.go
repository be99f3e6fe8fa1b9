package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/confbridge/confbridge/media/session"
	"github.com/confbridge/confbridge/media/terms"
)

// secretFlags are the key of an encrypted session. It is in a file: what stands in a command line is seen by all of the machine.
type secretFlags struct {
	KeyFile    string `placeholder:"FILE" help:"Of an encrypted session whose description has no key: a file with it, in base64."`
	Encryption string `enum:"aes-cm,aes-gcm" placeholder:"HOW" default:"aes-cm" help:"With --key-file: aes-cm or aes-gcm (aes-cm)."`
}

// keySuites are what the words of --encryption are called in descriptions.
var keySuites = map[string]terms.Suite{"aes-cm": terms.AES128CMHMACSHA180, "aes-gcm": terms.AEADAES128GCM}

// maxKeyFile is longer than any key.
const maxKeyFile = 1 << 10

// key reads it; the zero Key where none is given.
func (f secretFlags) key() (session.Key, error) {
	if f.KeyFile == "" {
		return session.Key{}, nil
	}
	file, err := os.Open(f.KeyFile)
	if err != nil {
		return session.Key{}, err
	}
	defer func() { _ = file.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return session.Key{}, err
	}
	master, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return session.Key{}, fmt.Errorf("%s: is no base64", f.KeyFile)
	}
	k := session.Key{Suite: string(keySuites[f.Encryption]), Master: master}
	if err := k.Valid(); err != nil {
		return session.Key{}, fmt.Errorf("%s: %w", f.KeyFile, err)
	}
	return k, nil
}
