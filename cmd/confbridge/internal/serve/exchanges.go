package serve

import (
	"runtime"

	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/media"
	"github.com/confbridge/confbridge/rooms"
)

// exchangesOf is how many exchanges there are to be: one for each room that can tick at a time.
func exchangesOf(m config.Media) int {
	if !m.IOURing {
		return 0
	}
	return runtime.GOMAXPROCS(0)
}

// exchanges lends what the engine has to rooms.
type exchanges struct{ *media.Engine }

// Exchange implements rooms.Exchanges.
func (e exchanges) Exchange() rooms.Exchange {
	if x := e.Engine.Exchange(); x != nil { // an interface that holds a nil pointer would not be nil
		return x
	}
	return nil
}

// Return implements rooms.Exchanges.
func (e exchanges) Return(x rooms.Exchange) {
	of, _ := x.(*media.Exchange)
	e.Engine.Return(of)
}
