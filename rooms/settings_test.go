package rooms

import (
	"reflect"
	"testing"
	"time"

	"github.com/confbridge/confbridge/rooms/schedule"
)

func TestSettingsAreEqualIfEveryFieldIs(t *testing.T) {
	whole := reflect.TypeFor[Settings]()
	for i := range whole.NumField() {
		var set Settings
		switch f := reflect.ValueOf(&set).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(1)
		case reflect.Struct:
			f.Field(0).Set(reflect.ValueOf(RecordBoth))
		case reflect.Pointer:
			hours, err := schedule.Parse([]schedule.Window{{Start: "2026-03-02T09:00", Zone: "UTC", Duration: time.Hour}})
			if err != nil {
				t.Fatal(err)
			}
			f.Set(reflect.ValueOf(hours))
		default:
			t.Fatalf("%s: a new kind of field", whole.Field(i).Name)
		}
		if set.equal(Settings{}) || !set.equal(set) {
			t.Errorf("%s does not count", whole.Field(i).Name)
		}
	}
}
