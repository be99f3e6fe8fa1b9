# `make` alone prints what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# hraban/opus also wraps libopusfile, which we do not use.
export GOFLAGS := -tags=nolibopusfile $(GOFLAGS)
export CGO_ENABLED := 1

# how long each fuzz target runs
FOR      ?= 10s
PARTS    ?= 1
LINT     := go tool -modfile=internal/tools/lint/go.mod
PROTO    := go tool -modfile=internal/tools/go.mod
NEED     := internal/tools/need.sh

.PHONY: help
help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/confbridge
	@$(NEED) build
	go build -o bin/confbridge ./cmd/confbridge

.PHONY: run
run: build ## build and start a bridge on its defaults
	bin/confbridge serve

.PHONY: test
test: ## install what the tests need, and run them all
	@$(NEED) build test
	go test -timeout 10m $$(go list ./... | grep -v '/test$$')
	go test -timeout 10m ./test # alone: telephones are real here, and a busy machine is heard

.PHONY: check
check: fmt vet lint proto-check layout race fuzz vuln ## all that must hold before a commit lands

.PHONY: fmt
fmt: ## fail where gofumpt would change something
	@out=$$($(LINT) gofumpt -l $$(git ls-files '*.go' | grep -v '\.pb\.go$$')); \
	if [ -n "$$out" ]; then echo "not gofumpt-clean:"; echo "$$out"; exit 1; fi

.PHONY: vet
vet: ## go vet
	@$(NEED) build
	go vet ./...

.PHONY: lint
lint: ## golangci-lint, with the reasons in .golangci.yaml
	@$(NEED) build
	$(LINT) golangci-lint run ./...

.PHONY: layout
layout: ## the import table of ARCHITECTURE.md
	go test ./internal/layout

.PHONY: race
race: ## all tests of what has goroutines under the race detector, with PARTS=3 those of every third package, by the commit; end to end, the busiest
	@$(NEED) build test
	go test -race -timeout 15m $$(go list ./... | grep -vE '/test$$|/confbridge/mixer(/|$$)' | internal/tools/part.sh $(PARTS)) ./mixer/codec # of mixer the rest has none: internal/layout
	go test -race -timeout 15m -run 'Storm|Story|Hold|Drain' ./test

.PHONY: fuzz
fuzz: ## each fuzz target for FOR=10s; with PARTS=3 those of every third package, by the commit
	@$(NEED) build
	internal/tools/fuzz.sh $(FOR) $(PARTS)

.PHONY: vuln
vuln: ## govulncheck, where its database can be reached
	@internal/tools/vuln.sh

.PHONY: proto
proto: ## lint and compare the .proto files, generate their Go code
	$(PROTO) buf lint proto
	proto/breaking.sh
	$(PROTO) buf generate proto --template proto/buf.gen.yaml

.PHONY: proto-check
proto-check: ## as proto; fail where the Go code is not the committed one
	$(PROTO) buf lint proto
	proto/breaking.sh
	@out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT && \
	$(PROTO) buf generate proto --template proto/buf.gen.yaml -o "$$out" && \
	diff -r --brief -x '*.proto' -x '*.yaml' -x '*.sh' -x doc.go "$$out/proto" proto

.PHONY: prompts
prompts: ## make the spoken prompts that are missing, of rooms/sounds/prompts/*/prompts.txt
	@$(NEED) prompts
	rooms/sounds/prompts/make.sh

.PHONY: damage
damage: ## change random bytes of 1,000 stores: what is damaged is named, and the rest is served
	go test -count=1 -timeout 30m -run TestDamageIsNamedAndTheRestServed ./rooms/store -rapid.checks=1000

.PHONY: kills
kills: ## kill a process that changes rooms, 200 times, over the store within it and over one elsewhere: nothing confirmed is lost
	CONFBRIDGE_TEST_KILLS=200 go test -count=1 -timeout 30m -v -run TestWhatIsConfirmedOutlivesTheProcess ./rooms/store

.PHONY: torture
torture: ## send the messages of RFC 4475 and 5118, print docs/torture.md
	@$(NEED) build
	@go run ./test/torture

.PHONY: bench
bench: build ## Go benchmarks, the loads and their goals, the signalling; to bench/results/
	@$(NEED) bench
	go test -run '^$$' -bench . -benchtime 200ms ./mixer/... ./media/... ./rooms/... ./sipua/...
	go run ./bench/run; code=$$?; bench/signal/run.sh && exit $$code

.PHONY: bench-compare
bench-compare: ## REF=main~1: loads and Go benchmarks of another commit and of this tree in turns, and the ratios
	@$(NEED) build bench
	go run ./bench/compare --ref "$(REF)" $(COMPARE)

.PHONY: bench-peers
bench-peers: build ## the same load against Asterisk, FreeSWITCH and Janus, where they are installed
	@$(NEED) bench
	go run ./bench/peers $(PEERS)

.PHONY: profile
profile: build ## where the bridge's time goes: flame graphs in profile/, a table in docs/performance.md
	@$(NEED) profile
	go run ./bench/profile

.PHONY: bench-multicast
bench-multicast: build ## what groups and their receivers cost the bridge; prints a table, needs root
	@$(NEED) bench
	go run ./bench/multicast

.PHONY: demo
demo: build ## three callers talk for 15 s, one records demo.wav
	@$(NEED) test
	go run ./test/demo

.PHONY: sound
sound: build ## how the bridge sounds: calls through an impaired network; to docs/sound.md
	@$(NEED) sound
	go run ./bench/sound/run
