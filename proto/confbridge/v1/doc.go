// Package confbridgev1 is the bridge's API over gRPC, version 1: RoomService and ParticipantService. Everything else
// in it is generated from the .proto files next to it, by `make proto`.
package confbridgev1
