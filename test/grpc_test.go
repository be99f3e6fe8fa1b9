package test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	confbridgev1 "github.com/confbridge/confbridge/proto/confbridge/v1"
	"github.com/confbridge/confbridge/test/bridge"
)

// mirror asks the reflection service, as grpcurl does: it knows nothing of the API but what it is told.
type mirror struct {
	t      *testing.T
	conn   *grpc.ClientConn
	stream grpc.BidiStreamingClient[reflectionpb.ServerReflectionRequest, reflectionpb.ServerReflectionResponse]
	files  *protoregistry.Files
}

func newMirror(t *testing.T, conn *grpc.ClientConn) *mirror {
	t.Helper()
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &mirror{t: t, conn: conn, stream: stream, files: &protoregistry.Files{}}
}

func (m *mirror) ask(req *reflectionpb.ServerReflectionRequest) *reflectionpb.ServerReflectionResponse {
	m.t.Helper()
	if err := m.stream.Send(req); err != nil {
		m.t.Fatal(err)
	}
	resp, err := m.stream.Recv()
	if err != nil || resp.GetErrorResponse() != nil {
		m.t.Fatalf("reflection of %v: %v %v", req, err, resp.GetErrorResponse())
	}
	return resp
}

func (m *mirror) services() []string {
	m.t.Helper()
	var names []string
	list := m.ask(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	for _, s := range list.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return names
}

// describe fetches the file that has a symbol, and all that it imports.
func (m *mirror) describe(symbol string) protoreflect.Descriptor {
	m.t.Helper()
	resp := m.ask(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol},
	})
	m.register(resp.GetFileDescriptorResponse())
	d, err := m.files.FindDescriptorByName(protoreflect.FullName(symbol))
	if err != nil {
		m.t.Fatal(err)
	}
	return d
}

func (m *mirror) register(resp *reflectionpb.FileDescriptorResponse) {
	m.t.Helper()
	byName := map[string]*descriptorpb.FileDescriptorProto{}
	for _, raw := range resp.GetFileDescriptorProto() {
		f := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(raw, f); err != nil {
			m.t.Fatal(err)
		}
		byName[f.GetName()] = f
	}
	for name := range byName {
		m.add(name, byName)
	}
}

func (m *mirror) add(name string, known map[string]*descriptorpb.FileDescriptorProto) {
	m.t.Helper()
	if _, err := m.files.FindFileByPath(name); err == nil {
		return
	}
	f, ok := known[name]
	if !ok {
		m.register(m.ask(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_FileByFilename{FileByFilename: name},
		}).GetFileDescriptorResponse())
		return
	}
	for _, dep := range f.GetDependency() {
		m.add(dep, known)
	}
	built, err := protodesc.NewFile(f, m.files)
	if err == nil {
		err = m.files.RegisterFile(built)
	}
	if err != nil {
		m.t.Fatalf("%s: %v", name, err)
	}
}

// call calls a method by its name with JSON, and returns JSON.
func (m *mirror) call(service, method, request string) (string, error) {
	m.t.Helper()
	d, ok := m.describe(service).(protoreflect.ServiceDescriptor)
	if !ok {
		m.t.Fatalf("%s is no service", service)
	}
	md := d.Methods().ByName(protoreflect.Name(method))
	if md == nil {
		m.t.Fatalf("%s has no method %s", service, method)
	}
	in, out := dynamicpb.NewMessage(md.Input()), dynamicpb.NewMessage(md.Output())
	if err := protojson.Unmarshal([]byte(request), in); err != nil {
		m.t.Fatal(err)
	}
	if err := m.conn.Invoke(m.t.Context(), "/"+service+"/"+method, in, out); err != nil {
		return "", err
	}
	text, err := protojson.Marshal(out)
	return strings.ReplaceAll(string(text), " ", ""), err
}

func TestAPIByReflection(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	m := newMirror(t, b.conn)
	const rooms, participants = "confbridge.v1.RoomService", "confbridge.v1.ParticipantService"
	services := m.services()
	for service, methods := range map[string][]string{
		rooms:        {"CreateRoom", "GetRoom", "ListRooms", "UpdateRoom", "DeleteRoom", "EndRoom", "WatchRoom"},
		participants: {"ListParticipants", "GetParticipant", "UpdateParticipant", "RemoveParticipant"},
	} {
		if !slices.Contains(services, service) {
			t.Fatalf("services are %v; %s is missing", services, service)
		}
		d := m.describe(service).(protoreflect.ServiceDescriptor)
		for _, name := range methods {
			if d.Methods().ByName(protoreflect.Name(name)) == nil {
				t.Errorf("%s does not tell of %s", service, name)
			}
		}
	}
	if !slices.Contains(services, "grpc.health.v1.Health") {
		t.Errorf("services are %v; health is missing", services)
	}
	for _, row := range []struct{ service, method, request, want string }{
		{rooms, "CreateRoom", `{"room_id":"2000","room":{"display_name":"Board","max_participants":5}}`, `"displayName":"Board"`},
		{rooms, "GetRoom", `{"name":"rooms/2000"}`, `"maxParticipants":5`},
		{rooms, "UpdateRoom", `{"room":{"name":"rooms/2000","display_name":"X","locked":true},"update_mask":"locked"}`, `"locked":true`},
		{rooms, "GetRoom", `{"name":"rooms/2000"}`, `"displayName":"Board"`}, // not in the mask
		{rooms, "ListRooms", `{}`, `"rooms/2000"`},
		{participants, "ListParticipants", `{"parent":"rooms/2000"}`, `{}`},
		{rooms, "DeleteRoom", `{"name":"rooms/2000"}`, `{}`},
		{rooms, "ListRooms", `{}`, `{}`},
	} {
		got, err := m.call(row.service, row.method, row.request)
		if err != nil || !strings.Contains(got, row.want) {
			t.Errorf("%s %s: %s, %v; want %s in it", row.method, row.request, got, err, row.want)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	for _, service := range []string{"", "confbridge.v1.RoomService", "confbridge.v1.ParticipantService"} {
		resp, err := healthpb.NewHealthClient(b.conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, resp, err)
		}
	}
}

func TestRoomsPageByPage(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("room-%02d", i)
		want = append(want, "rooms/"+id)
		if _, err := b.rooms.CreateRoom(t.Context(), &confbridgev1.CreateRoomRequest{RoomId: id}); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int32{1, 7, 24, 25, 26, 0} {
		var got []string
		for token := ""; ; {
			page, err := b.rooms.ListRooms(t.Context(), &confbridgev1.ListRoomsRequest{PageSize: size, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			if size > 0 && len(page.GetRooms()) > int(size) {
				t.Errorf("a page of %d has %d rooms", size, len(page.GetRooms()))
			}
			for _, r := range page.GetRooms() {
				got = append(got, r.GetName())
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: %v, want %v", size, got, want)
		}
	}
}

// Errors have a code, a reason that programs can tell apart, and the name of what is wrong.
func TestErrorsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := startBridge(t, bridge.Config{})
	if _, err := b.rooms.CreateRoom(t.Context(), &confbridgev1.CreateRoomRequest{RoomId: "1"}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name           string
		call           func(ctx context.Context) error
		code           codes.Code
		reason, detail string // detail: a field, or the resource
	}{
		{"a room that is not there", func(ctx context.Context) error {
			_, err := b.rooms.GetRoom(ctx, &confbridgev1.GetRoomRequest{Name: "rooms/404"})
			return err
		}, codes.NotFound, "ROOM_NOT_FOUND", "rooms/404"},
		{"a participant who is not there", func(ctx context.Context) error {
			_, err := b.participants.GetParticipant(ctx, &confbridgev1.GetParticipantRequest{Name: "rooms/1/participants/abc"})
			return err
		}, codes.NotFound, "PARTICIPANT_NOT_FOUND", "rooms/1/participants/abc"},
		{"a room that is there already", func(ctx context.Context) error {
			_, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "1"})
			return err
		}, codes.AlreadyExists, "ROOM_EXISTS", "rooms/1"},
		{"a number that is none", func(ctx context.Context) error {
			_, err := b.rooms.CreateRoom(ctx, &confbridgev1.CreateRoomRequest{RoomId: "a b"})
			return err
		}, codes.InvalidArgument, "INVALID_ARGUMENT", "room_id"},
		{"a page of less than nothing", func(ctx context.Context) error {
			_, err := b.rooms.ListRooms(ctx, &confbridgev1.ListRoomsRequest{PageSize: -1})
			return err
		}, codes.InvalidArgument, "INVALID_ARGUMENT", "page_size"},
		{"a mask with a field that is none", func(ctx context.Context) error {
			_, err := b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
				Room: &confbridgev1.Room{Name: "rooms/1"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"colour"}},
			})
			return err
		}, codes.InvalidArgument, "INVALID_ARGUMENT", "update_mask"},
		{"too many people", func(ctx context.Context) error {
			_, err := b.rooms.UpdateRoom(ctx, &confbridgev1.UpdateRoomRequest{
				Room:       &confbridgev1.Room{Name: "rooms/1", MaxParticipants: -3},
				UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"max_participants"}},
			})
			return err
		}, codes.InvalidArgument, "INVALID_ARGUMENT", "room.max_participants"},
	} {
		t.Run(row.name, func(t *testing.T) {
			st := status.Convert(row.call(t.Context()))
			if st.Code() != row.code {
				t.Fatalf("%v, want %v", st, row.code)
			}
			reason, detail := "", ""
			for _, d := range st.Details() {
				switch d := d.(type) {
				case *errdetails.ErrorInfo:
					reason = d.GetReason()
					if d.GetDomain() != "confbridge" {
						t.Errorf("domain %q", d.GetDomain())
					}
					if detail == "" {
						detail = d.GetMetadata()["resource"]
					}
				case *errdetails.BadRequest:
					detail = d.GetFieldViolations()[0].GetField()
				}
			}
			if reason != row.reason || detail != row.detail {
				t.Errorf("reason %q about %q, want %q about %q", reason, detail, row.reason, row.detail)
			}
		})
	}
}
