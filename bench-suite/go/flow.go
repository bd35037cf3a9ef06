package main

import (
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// leg is one party's part of a race.
type leg struct {
	start, end time.Time
	count      uint64
	times      Histogram
}

// race starts all parties together, stops the senders after a while, closes
// the channels when they have ended, and counts what arrived; see race.rs.
func race(row Row, senders []func(goesOn func() bool) uint64, ended func(),
	receivers []func(*Histogram) uint64) *Outcome {
	var stop atomic.Bool
	goesOn := func() bool { return !stop.Load() }
	sending, receiving := make([]leg, len(senders)), make([]leg, len(receivers))
	var ready, sent, all sync.WaitGroup
	gate := make(chan struct{})
	party := func(leg *leg, run func() uint64, done ...*sync.WaitGroup) {
		if row.locked {
			runtime.LockOSThread()
		}
		ready.Done()
		<-gate
		leg.start = time.Now()
		leg.count = run()
		leg.end = time.Now()
		for _, group := range done {
			group.Done()
		}
	}
	ready.Add(len(senders) + len(receivers))
	all.Add(len(senders) + len(receivers))
	sent.Add(len(senders))
	for i := range senders {
		go party(&sending[i], func() uint64 { return senders[i](goesOn) }, &sent, &all)
	}
	for i := range receivers {
		go party(&receiving[i], func() uint64 { return receivers[i](&receiving[i].times) }, &all)
	}
	ready.Wait()
	cpu := cpuNs()
	close(gate)
	time.Sleep(row.flow)
	stop.Store(true)
	sent.Wait()
	ended()
	all.Wait()
	return outcome(sending, receiving, cpuNs()-cpu)
}

func outcome(sending, receiving []leg, cpu float64) *Outcome {
	var out Outcome
	var times Histogram
	start, end := sending[0].start, sending[0].end
	for _, legs := range [][]leg{sending, receiving} {
		for i := range legs {
			if legs[i].start.Before(start) {
				start = legs[i].start
			}
			if legs[i].end.After(end) {
				end = legs[i].end
			}
		}
	}
	for i := range sending {
		out.Sent += sending[i].count
	}
	for i := range receiving {
		out.Received += receiving[i].count
		for bucket, count := range receiving[i].times.counts {
			times.counts[bucket] += count
		}
	}
	out.Value = float64(out.Received) / end.Sub(start).Seconds() / 1e6
	if out.Received > 0 {
		cpu /= float64(out.Received)
		out.CPU = &cpu
	}
	out.Latency = times.latency()
	for _, legs := range [][]leg{sending, receiving} {
		if len(legs) < 2 {
			continue
		}
		least, most := legs[0].count, legs[0].count
		for i := range legs {
			least, most = min(least, legs[i].count), max(most, legs[i].count)
		}
		share := float64(least) / float64(max(most, 1))
		if out.Fairness == nil || share < *out.Fairness {
			out.Fairness = &share
		}
	}
	return &out
}

func flow[T any](row Row, senders, receivers int) *Outcome {
	c := make(chan T, row.capacity)
	send := func(goesOn func() bool) uint64 {
		sent := uint64(0)
		for goesOn() {
			c <- message[T](stampOf(sent))
			sent++
		}
		return sent
	}
	receive := func(times *Histogram) uint64 {
		received := uint64(0)
		for value := range c {
			received++
			times.arrived(stamp(&value))
		}
		return received
	}
	return race(row, repeat(send, senders), func() { close(c) }, repeat(receive, receivers))
}

func repeat[F any](f F, count int) []F {
	all := make([]F, count)
	for i := range all {
		all[i] = f
	}
	return all
}

func pingPong[T any](row Row) *Outcome {
	ping, pong := make(chan T, row.capacity), make(chan T, row.capacity)
	send := func(goesOn func() bool) uint64 {
		trips := uint64(0)
		for goesOn() {
			ping <- message[T](stampOf(trips))
			<-pong
			trips++
		}
		return trips
	}
	echo := func(times *Histogram) uint64 {
		trips := uint64(0)
		for value := range ping {
			times.arrived(stamp(&value))
			pong <- value
			trips++
		}
		return trips
	}
	out := race(row, repeat(send, 1), func() { close(ping) }, repeat(echo, 1))
	out.Value = 1e3 / out.Value
	return out
}

func handover[T any](row Row) *Outcome {
	c := make(chan T, row.capacity)
	send := func(goesOn func() bool) uint64 {
		sent := uint64(0)
		for goesOn() {
			until := now() + uint64(rand.Intn(40_000))
			for now() < until {
			}
			c <- message[T](now())
			sent++
		}
		return sent
	}
	receive := func(times *Histogram) uint64 {
		received := uint64(0)
		for value := range c {
			received++
			times.arrived(stamp(&value))
		}
		return received
	}
	out := race(row, repeat(send, 1), func() { close(c) }, repeat(receive, 1))
	if out.Latency != nil {
		out.Value = out.Latency.P50
	}
	return out
}
