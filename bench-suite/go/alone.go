package main

import (
	"runtime"
	"time"
)

// Where results go that must not be optimised away.
var sink any

func alone[T any](row Row) *Outcome {
	if row.locked {
		runtime.LockOSThread()
	}
	if row.work == "create" {
		return batches(row, func(n int) {
			for i := 0; i < n; i++ {
				sink = make(chan T, row.capacity)
			}
		})
	}
	c := make(chan T, row.capacity)
	value := message[T](1)
	switch row.work {
	case "pair":
		return batches(row, func(n int) {
			for i := 0; i < n; i++ {
				c <- value
				<-c
			}
		})
	case "try-pair":
		return batches(row, func(n int) {
			for i := 0; i < n; i++ {
				trySend(c, value)
				tryRecv(c)
			}
		})
	case "seq":
		return seq(row, c)
	case "try-empty":
		return batches(row, func(n int) {
			for i := 0; i < n; i++ {
				tryRecv(c)
			}
		})
	case "try-full":
		for trySend(c, value) {
		}
		return batches(row, func(n int) {
			for i := 0; i < n; i++ {
				trySend(c, value)
			}
		})
	case "recv-closed":
		close(c)
		return batches(row, func(n int) {
			for i := 0; i < n; i++ {
				<-c
			}
		})
	}
	return nil
}

func trySend[T any](c chan T, value T) bool {
	select {
	case c <- value:
		return true
	default:
		return false
	}
}

func tryRecv[T any](c chan T) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// batches takes the time of batches.
func batches(row Row, batch func(n int)) *Outcome {
	return operationNs(row, func(n int) time.Duration {
		start := time.Now()
		batch(n)
		return time.Since(start)
	})
}

func seq[T any](row Row, c chan T) *Outcome {
	value := message[T](1)
	return operationNs(row, func(n int) time.Duration {
		start := time.Now()
		for left := n; left > 0; {
			burst := min(left, row.capacity)
			for i := 0; i < burst; i++ {
				c <- value
			}
			for i := 0; i < burst; i++ {
				<-c
			}
			left -= burst
		}
		return time.Since(start)
	})
}
