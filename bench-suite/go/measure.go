package main

import (
	"math"
	"math/bits"
	"sort"
	"syscall"
	"time"
	"unsafe"
)

// Outcome is what the parent reads; see outcome.rs.
type Outcome struct {
	Value    float64  `json:"value"`
	Sent     uint64   `json:"sent"`
	Received uint64   `json:"received"`
	CPU      *float64 `json:"cpu_ns,omitempty"`
	Latency  *Latency `json:"latency,omitempty"`
	Fairness *float64 `json:"fairness,omitempty"`
}

// Latency has percentiles in nanoseconds.
type Latency struct {
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	P999    float64 `json:"p999"`
	Samples uint64  `json:"samples"`
}

func cpuNs() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

var zero = time.Now()

func now() uint64 { return uint64(time.Since(zero)) + 1 }

// stampOf is the stamp of the message with this number; 0 if it has none.
func stampOf(n uint64) uint64 {
	mask := uint64(63)
	if n < 4096 {
		mask = 7
	}
	if n&mask == 0 {
		return now()
	}
	return 0
}

// message is an element that carries a stamp in its first word.
func message[T any](stamp uint64) T {
	var value T
	*(*uint64)(unsafe.Pointer(&value)) = stamp
	return value
}

func stamp[T any](value *T) uint64 { return *(*uint64)(unsafe.Pointer(value)) }

// Histogram has buckets of 1/16 of their size.
type Histogram struct{ counts [1024]uint64 }

func (h *Histogram) arrived(stamp uint64) {
	if stamp != 0 {
		h.counts[bucket(now()-stamp)]++
	}
}

func bucket(ns uint64) int {
	if ns < 16 {
		return int(ns)
	}
	exponent := bits.Len64(ns) - 1
	return (exponent-3)*16 + int(ns>>(exponent-4)&15)
}

func middle(bucket int) float64 {
	row, step := bucket/16, bucket%16
	if row == 0 {
		return float64(step)
	}
	return (float64(16+step) + 0.5) * math.Pow(2, float64(row-1))
}

func (h *Histogram) latency() *Latency {
	var samples uint64
	for _, count := range h.counts {
		samples += count
	}
	if samples == 0 {
		return nil
	}
	at := func(share float64) float64 {
		wanted, seen := uint64(math.Ceil(float64(samples)*share)), uint64(0)
		for bucket, count := range h.counts {
			if seen += count; seen >= wanted {
				return middle(bucket)
			}
		}
		return 0
	}
	return &Latency{at(0.5), at(0.99), at(0.999), samples}
}

// operationNs is what one operation costs: batches of a quarter of a
// millisecond, of which the tenth percentile counts; see measure.rs.
func operationNs(row Row, batch func(n int) time.Duration) *Outcome {
	n := 1
	for batch(n) < 250*time.Microsecond {
		n *= 2
	}
	end := time.Now().Add(row.alone)
	var figures []float64
	for len(figures) < 10 || time.Now().Before(end) {
		figures = append(figures, float64(batch(n))/float64(n))
	}
	sort.Float64s(figures)
	return &Outcome{Value: figures[len(figures)/10]}
}
