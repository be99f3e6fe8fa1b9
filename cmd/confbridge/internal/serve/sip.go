package serve

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/confbridge/confbridge/api"
	"github.com/confbridge/confbridge/cmd/confbridge/internal/config"
	"github.com/confbridge/confbridge/sipua"
	"github.com/confbridge/confbridge/sipua/transport"
	"github.com/confbridge/confbridge/sipua/trunk"
)

// sipConfig is what the file says of SIP, in the words of package sipua.
func sipConfig(cfg config.Config, log *slog.Logger) (sipua.Config, error) {
	c := sipua.Config{
		Advertise: cfg.SIP.Advertise, Domain: cfg.SIP.Domain,
		Ring: cfg.SIP.Ring, SessionExpires: cfg.SIP.SessionExpires, Log: log,
	}
	for _, l := range cfg.SIP.Listen {
		c.Transport.Listeners = append(c.Transport.Listeners, transport.Listener{URL: l.String(), Advertise: l.Advertise})
	}
	c.Transport.External, c.Transport.Origins = cfg.SIP.ExternalNetworks, cfg.SIP.Origins
	c.Transport.TLS = transport.TLS{
		CertFile: cfg.SIP.TLS.Certificate, KeyFile: cfg.SIP.TLS.Key, CAFile: cfg.SIP.TLS.CA, ClientAuth: cfg.SIP.TLS.Clients,
		SelfSignedDir: filepath.Join(cfg.DataDir, "tls"),
	}
	c.Trunks = trunk.Config{Anonymous: trunk.Policy(cfg.SIP.Anonymous), Realm: cfg.SIP.Realm, Log: log}
	for _, t := range cfg.SIP.Trunks {
		one, err := trunkConfig(t)
		if err != nil {
			return c, fmt.Errorf("trunk %q: %w", t.Name, err)
		}
		c.Trunks.Trunks = append(c.Trunks.Trunks, one)
	}
	return c, nil
}

func trunkConfig(t config.Trunk) (trunk.Trunk, error) {
	out := trunk.Trunk{
		Name: t.Name, Networks: t.Networks, TLSNames: t.TLSNames, Registered: t.Register.Registrar != "",
		Terms: trunk.Terms{
			Trusted: t.Trusted, Rooms: t.Rooms, NumberFrom: trunk.NumberSource(t.NumberFrom),
			MaxCalls: t.Calls, CallsPerSecond: t.CallsPerSecond, Codecs: t.Codecs,
		},
	}
	for _, u := range t.Users {
		out.Users = append(out.Users, trunk.Credential{User: u.Name, Password: u.Password})
	}
	for _, text := range t.Rewrite {
		rule, err := trunk.ParseRule(text)
		if err != nil {
			return out, err
		}
		out.Rewrite = append(out.Rewrite, rule)
	}
	return out, nil
}

// trunks shows the API what the SIP server knows of its trunks.
type trunks struct{ sip *sipua.Server }

func (t trunks) Trunks() []api.Trunk {
	states := t.sip.Trunks()
	out := make([]api.Trunk, 0, len(states))
	for _, s := range states {
		out = append(out, api.Trunk{Name: s.Name, Calls: s.Calls, MaxCalls: s.MaxCalls, Total: s.Total, Refused: s.Refused})
	}
	return out
}
