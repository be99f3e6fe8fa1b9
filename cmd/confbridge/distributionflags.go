package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
)

// distributionFlags are how a distribution goes where it goes; nil leaves it as it is, or to the bridge.
type distributionFlags struct {
	Codec        *string        `placeholder:"NAME" help:"PCMU, PCMA, G722, opus or L16 (PCMU)."`
	Rate         *int32         `placeholder:"HZ" help:"The clock of L16: 8000, 16000 or 48000 (48000)."`
	PacketTime   *time.Duration `placeholder:"TIME" help:"What a packet lasts: 10ms to 60ms (20ms)."`
	Interface    *string        `placeholder:"NAME" help:"The interface to send from (the route's)."`
	TTL          *int32         `name:"ttl" placeholder:"N" help:"TTL or hop limit; 1 stays on the link (1; 64 to listeners)."`
	Source       *string        `placeholder:"ADDRESS" help:"The bridge's address to send from (the route's); source-specific groups need it."`
	DSCP         *int32         `name:"dscp" placeholder:"N" help:"0 to 63 (46)."`
	Loopback     *bool          `negatable:"" help:"Let the bridge's own machine hear a group too."`
	Silence      *string        `enum:"sound,noise,nothing" placeholder:"WHAT" help:"What is sent in silence: sound, noise or nothing (sound)."`
	OnlyOccupied *bool          `negatable:"" help:"Send while somebody is in the room only, as pages do."`
	Opening      *string        `placeholder:"SOUND" help:"The sound that a page opens with, as tone:440/500."`
	Announce     *bool          `negatable:"" help:"Announce a group on the network (SAP)."`
	Encrypt      *string        `enum:"none,aes-cm,aes-gcm" placeholder:"HOW" help:"Encrypt it: aes-cm, aes-gcm or none (none)."`
}

// encryptions are the words of --encrypt.
var encryptions = map[string]confbridgev1.Encryption{
	"none":    confbridgev1.Encryption_ENCRYPTION_NONE,
	"aes-cm":  confbridgev1.Encryption_ENCRYPTION_AES_CM_128_HMAC_SHA1_80,
	"aes-gcm": confbridgev1.Encryption_ENCRYPTION_AEAD_AES_128_GCM,
}

// given puts a flag into its field, if it was given, and its path behind the others.
func given[T any](paths *[]string, path string, flag *T, set func(T)) {
	if flag != nil {
		set(*flag)
		*paths = append(*paths, path)
	}
}

// apply puts what was given into d and says which fields that are.
func (f distributionFlags) apply(d *confbridgev1.Distribution) (paths []string) {
	given(&paths, "codec", f.Codec, func(v string) { d.Codec = v })
	given(&paths, "rate_hz", f.Rate, func(v int32) { d.RateHz = v })
	given(&paths, "packet_time", f.PacketTime, func(v time.Duration) { d.PacketTime = durationpb.New(v) })
	given(&paths, "interface", f.Interface, func(v string) { d.Interface = v })
	given(&paths, "ttl", f.TTL, func(v int32) { d.Ttl = &v })
	given(&paths, "source", f.Source, func(v string) { d.Source = v })
	given(&paths, "dscp", f.DSCP, func(v int32) { d.Dscp = &v })
	given(&paths, "loopback", f.Loopback, func(v bool) { d.Loopback = v })
	given(&paths, "silence", f.Silence, func(v string) {
		d.Silence = confbridgev1.Silence(confbridgev1.Silence_value["SILENCE_"+strings.ToUpper(v)])
	})
	given(&paths, "only_occupied", f.OnlyOccupied, func(v bool) { d.OnlyOccupied = v })
	given(&paths, "opening", f.Opening, func(v string) { d.Opening = v })
	given(&paths, "announced", f.Announce, func(v bool) { d.Announced = v })
	given(&paths, "encryption", f.Encrypt, func(v string) { d.Encryption = encryptions[v] })
	return paths
}

// showDistribution prints all of one.
func (c *console) showDistribution(d *confbridgev1.Distribution) error {
	encryption := "none"
	for word, e := range encryptions {
		if e == d.GetEncryption() {
			encryption = word
		}
	}
	rows := [][2]string{{"distribution", d.GetName()}}
	for i, to := range d.GetDestinations() {
		rows = append(rows, [2]string{[]string{"to", ""}[min(i, 1)], to})
	}
	rows = append(rows, [][2]string{
		{"interface", cmp.Or(d.GetInterface(), "-")},
		{"source", cmp.Or(d.GetSource(), "-")},
		{"ttl", strconv.Itoa(int(d.GetTtl()))},
		{"dscp", strconv.Itoa(int(d.GetDscp()))},
		{"loopback", yesNo(d.GetLoopback())},
		{"codec", distributionCodec(d)},
		{"packet time", d.GetPacketTime().AsDuration().String()},
		{"in silence", words(d.GetSilence().String(), "SILENCE_")},
		{"only occupied", yesNo(d.GetOnlyOccupied())},
		{"opening", cmp.Or(d.GetOpening(), "-")},
		{"announced", yesNo(d.GetAnnounced())},
		{"encryption", encryption},
		{"ssrc", fmt.Sprintf("%08x", d.GetSsrc())},
		{"created", c.stampOrNot(d.GetCreateTime())},
		{"state", distributionState(d)},
	}...)
	if d.GetStatus() != nil {
		rows = append(rows, c.statusRows(d.GetStatus())...)
	}
	return fields(c.stdout, rows...)
}

// statusRows are how a distribution goes.
func (c *console) statusRows(s *confbridgev1.DistributionStatus) [][2]string {
	return [][2]string{
		{"since", c.stampOrNot(s.GetSinceTime())},
		{"packets", strconv.FormatInt(s.GetPackets(), 10)},
		{"octets", strconv.FormatInt(s.GetOctets(), 10)},
		{"send errors", strconv.FormatInt(s.GetSendErrors(), 10)},
		{"receivers", strconv.Itoa(int(s.GetReceivers()))},
		{"loss, worst", percent(s.GetWorstLoss())},
		{"loss, mean", percent(s.GetMeanLoss())},
		{"jitter", s.GetJitter().AsDuration().String()},
		{"collisions", strconv.FormatInt(s.GetCollisions(), 10)},
		{"loops", strconv.FormatInt(s.GetLoops(), 10)},
		{"keys", strconv.Itoa(int(s.GetKeyGeneration()))},
	}
}
