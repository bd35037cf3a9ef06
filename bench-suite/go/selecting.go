package main

import (
	"runtime"
	"time"
)

// The last message of a sender.
const last = ^uint64(0)

func channels(row Row, capacity int) []chan uint64 {
	arms := make([]chan uint64, row.arms)
	for i := range arms {
		arms[i] = make(chan uint64, capacity)
	}
	return arms
}

// selectReady: every arm has values; half of them are taken, then put back.
func selectReady(row Row) *Outcome {
	if row.locked {
		runtime.LockOSThread()
	}
	room := max(1024/row.arms, 32)
	arms, wait := channels(row, room), selects[row.arms]
	return operationNs(row, func(n int) time.Duration {
		spent := time.Duration(0)
		for left := n; left > 0; {
			for _, arm := range arms {
				for len(arm) < room {
					arm <- 1
				}
			}
			burst := min(left, room*row.arms/2)
			start := time.Now()
			for i := 0; i < burst; i++ {
				wait(arms)
			}
			spent += time.Since(start)
			left -= burst
		}
		return spent
	})
}

// selectDefault: no arm is ever ready.
func selectDefault(row Row) *Outcome {
	if row.locked {
		runtime.LockOSThread()
	}
	arms, try := channels(row, 16), trySelects[row.arms]
	return batches(row, func(n int) {
		for i := 0; i < n; i++ {
			try(arms)
		}
	})
}

// selectFed: up to four goroutines feed the arms, each its share in turn.
func selectFed(row Row) *Outcome {
	arms, wait, try := channels(row, row.capacity), selects[row.arms], trySelects[row.arms]
	parties := min(4, row.arms)
	if row.world == "tokio-mt" || row.world == "tokio-ct" {
		parties = row.arms
	}
	senders := make([]func(func() bool) uint64, parties)
	for party := range senders {
		senders[party] = func(goesOn func() bool) uint64 {
			sent, turn := uint64(0), party
			for goesOn() {
				arms[turn] <- stampOf(sent)
				sent++
				if turn += parties; turn >= len(arms) {
					turn = party
				}
			}
			arms[party] <- last
			return sent
		}
	}
	receive := func(times *Histogram) uint64 {
		received := uint64(0)
		for ended := 0; ended < parties; {
			if value := wait(arms); value == last {
				ended++
			} else {
				received++
				times.arrived(value)
			}
		}
		for value, ok := try(arms); ok; value, ok = try(arms) {
			received++
			times.arrived(value)
		}
		return received
	}
	return race(row, senders, func() {}, repeat(receive, 1))
}

// selectBoth: four select over sends to four channels, four over receives.
func selectBoth(row Row) *Outcome {
	row.arms = 4
	c := channels(row, row.capacity)
	send := func(goesOn func() bool) uint64 {
		sent := uint64(0)
		for goesOn() {
			value := stampOf(sent)
			select {
			case c[0] <- value:
			case c[1] <- value:
			case c[2] <- value:
			case c[3] <- value:
			}
			sent++
		}
		return sent
	}
	receive := func(times *Histogram) uint64 {
		received, value, open := uint64(0), uint64(0), true
		for {
			select {
			case value, open = <-c[0]:
			case value, open = <-c[1]:
			case value, open = <-c[2]:
			case value, open = <-c[3]:
			}
			if !open {
				break
			}
			received++
			times.arrived(value)
		}
		// One is closed, so nobody sends any more: what is left is in the others.
		for _, arm := range c {
			for value := range arm {
				received++
				times.arrived(value)
			}
		}
		return received
	}
	ended := func() {
		for _, arm := range c {
			close(arm)
		}
	}
	return race(row, repeat(send, 4), ended, repeat(receive, 4))
}
