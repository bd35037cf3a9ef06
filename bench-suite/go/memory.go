package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// So many are made, and the mean is taken.
const many = 1000

// live is what lives on the heap. Go rounds every object up to one of its
// sizes, and that is part of it; stacks are not.
func live() float64 {
	// The first collection puts away what the second one frees.
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func mean(bytes float64) *Outcome { return &Outcome{Value: max(bytes, 0) / many} }

// channelBytes: an empty channel.
func channelBytes[T any](row Row) *Outcome {
	channels := make([]chan T, many)
	before := live()
	for i := range channels {
		channels[i] = make(chan T, row.capacity)
	}
	taken := live() - before
	runtime.KeepAlive(channels)
	return mean(taken)
}

// parkedBytes: a goroutine that waits in a receive, each on a channel of its
// own, over one that waits for nothing. All are parked when the collector runs.
func parkedBytes[T any](row Row) *Outcome {
	channels := make([]chan T, many)
	for i := range channels {
		channels[i] = make(chan T, row.capacity)
	}
	start := live()
	park(func(int) { select {} })
	empty := live() - start
	before := live()
	park(func(i int) { <-channels[i] })
	return mean(live() - before - empty)
}

// park starts goroutines and returns when they have run as far as they can.
func park(wait func(int)) {
	var begun atomic.Int64
	for i := range many {
		go func() {
			begun.Add(1)
			wait(i)
		}()
	}
	for begun.Load() < many {
		runtime.Gosched()
	}
	time.Sleep(20 * time.Millisecond)
}
