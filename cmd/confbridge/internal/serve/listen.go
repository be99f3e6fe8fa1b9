package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// listen opens the TCP address of a configuration key.
func listen(ctx context.Context, key, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, listenError(key, addr, err)
	}
	return ln, nil
}

// listenError names the address and the key, and says what to do.
func listenError(key, addr string, err error) error {
	var hint string
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "another program has it, perhaps another confbridge: end that, or choose another port"
	case errors.Is(err, syscall.EACCES):
		hint = "ports below 1024 need a right that this process lacks: choose another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = "no interface of this machine has that address: choose another"
	default:
		return fmt.Errorf("%s: %w", key, err)
	}
	// The address once, not twice as net.OpError would have it.
	var errno syscall.Errno
	errors.As(err, &errno)
	return fmt.Errorf("%s: %s: %w: %s with %s or %s", key, addr, errno, hint, key, variable(key))
}

// variable is the environment variable of a key.
func variable(key string) string {
	return "CONFBRIDGE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}
