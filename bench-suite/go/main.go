// The twin of the workloads in Go: the same rows, the same counting.
//
//	twin ROW FLOW_MS ALONE_MS [locked]
//
// prints what one run gave, as JSON. With "locked" every goroutine has a
// thread of its own, as threads have.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Row is a row, taken apart; see rows.rs.
type Row struct {
	world, work    string
	capacity, arms int
	bytes          int
	unbounded      bool
	locked         bool
	flow, alone    time.Duration
}

func parse(args []string) (Row, error) {
	row := Row{bytes: 8}
	if len(args) < 3 {
		return row, fmt.Errorf("usage: twin ROW FLOW_MS ALONE_MS [locked]")
	}
	parts := strings.Split(args[0], "/")
	if len(parts) < 2 {
		return row, fmt.Errorf("not a row: %s", args[0])
	}
	row.world, row.work = parts[0], parts[1]
	for _, part := range parts[2:] {
		if part == "unb" {
			row.unbounded = true
			continue
		}
		number, err := strconv.Atoi(part[1:])
		if err != nil {
			return row, err
		}
		switch part[0] {
		case 'c':
			row.capacity = number
		case 'n':
			row.arms = number
		case 'b':
			row.bytes = number
		}
	}
	flow, err := strconv.Atoi(args[1])
	if err != nil {
		return row, err
	}
	alone, err := strconv.Atoi(args[2])
	if err != nil {
		return row, err
	}
	row.flow = time.Duration(flow) * time.Millisecond
	row.alone = time.Duration(alone) * time.Millisecond
	row.locked = len(args) > 3 && args[3] == "locked"
	return row, nil
}

// run does what the row says; nil if Go has no such thing.
func (row Row) run() *Outcome {
	tasks := row.world == "tokio-mt" || row.world == "tokio-ct"
	if row.unbounded || row.locked && tasks {
		return nil
	}
	if row.bytes == 64 {
		return runOf[[8]uint64](row)
	}
	return runOf[uint64](row)
}

func runOf[T any](row Row) *Outcome {
	switch row.work {
	case "spsc":
		return flow[T](row, 1, 1)
	case "mpsc":
		return flow[T](row, 4, 1)
	case "spmc":
		return flow[T](row, 1, 4)
	case "mpmc":
		return flow[T](row, 4, 4)
	case "crowd":
		return flow[T](row, 8, 8)
	case "fair":
		row.flow *= 10
		outcome := flow[T](row, 4, 4)
		outcome.Value = *outcome.Fairness
		return outcome
	case "ping-pong":
		return pingPong[T](row)
	case "handover":
		return handover[T](row)
	case "channel-bytes":
		return channelBytes[T](row)
	case "parked-bytes":
		if row.locked {
			return nil
		}
		return parkedBytes[T](row)
	case "select-ready":
		return selectReady(row)
	case "select-default":
		return selectDefault(row)
	case "select-rx":
		return selectFed(row)
	case "select-both":
		return selectBoth(row)
	default:
		return alone[T](row)
	}
}

func main() {
	row, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	switch row.world {
	case "tokio-mt":
		runtime.GOMAXPROCS(2)
	case "tokio-ct", "one-core":
		runtime.GOMAXPROCS(1)
	}
	var said any = "cannot"
	if outcome := row.run(); outcome != nil {
		said = map[string]*Outcome{"done": outcome}
	}
	text, err := json.Marshal(said)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(text))
}
