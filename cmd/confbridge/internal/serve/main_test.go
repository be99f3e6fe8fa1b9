package serve

import (
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
)

func TestABridgeThatCannotBeLeavesNothingBehind(t *testing.T) {
	running := goleak.IgnoreCurrent()
	cfg := config.Default()
	cfg.Media.Ports.First, cfg.Media.Ports.Last = 20001, 20000
	if _, err := New(cfg, slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("a bridge without ports was made")
	}
	goleak.VerifyNone(t, running)
}
