package rooms

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/confbridge/confbridge/mixer/codec"
	"github.com/confbridge/confbridge/rooms/access"
	"github.com/confbridge/confbridge/rooms/distribution"
	"github.com/confbridge/confbridge/rooms/schedule"
)

func TestSettingsAreEqualIfEveryFieldIs(t *testing.T) {
	hours, err := schedule.Parse([]schedule.Window{{Start: "2026-03-02T09:00", Zone: "UTC", Duration: time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	feeds, err := distribution.NewSet(distribution.Distribution{
		ID: "a", To: []netip.AddrPort{netip.MustParseAddrPort("239.1.2.3:5004")}, TTL: 1, Codec: codec.PCMU, Packet: 20 * time.Millisecond,
		Silence: distribution.SilenceSound,
	})
	if err != nil {
		t.Fatal(err)
	}
	sources, err := distribution.NewSourceSet(distribution.Source{ID: "stage", Group: netip.MustParseAddrPort("239.1.2.4:5004"), Format: pcmu})
	if err != nil {
		t.Fatal(err)
	}
	// each looks at every field below v, which is a part of set.
	var each func(name string, set *Settings, v reflect.Value)
	each = func(name string, set *Settings, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Int, reflect.Int64:
			v.SetInt(1)
		case reflect.Uint8:
			v.SetUint(1)
		case reflect.Pointer:
			for _, one := range []any{hours, new(access.Ring), DefaultKeys(), feeds, sources} {
				if value := reflect.ValueOf(one); value.Type() == v.Type() {
					v.Set(value)
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				each(name+"."+v.Type().Field(i).Name, set, v.Field(i))
			}
			return
		case reflect.Array:
			for i := range v.Len() {
				each(name, set, v.Index(i))
			}
			return
		default:
			t.Fatalf("%s: a new kind of field", name)
		}
		if set.equal(Settings{}) || !set.equal(*set) {
			t.Errorf("%s does not count", name)
		}
		v.SetZero()
	}
	var set Settings
	each("Settings", &set, reflect.ValueOf(&set).Elem())
}
