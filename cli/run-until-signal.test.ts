import { describe, expect, it } from 'vitest'
import { ConfigError } from '../core/config/parse-config.ts'
import { StartError } from '../core/errors.ts'
import { runUntilSignal } from './run-until-signal.ts'

/** A process whose signals are sent by hand and whose exits are only noted. */
function scriptedProcess() {
  const listeners: (() => void)[] = []
  const exits: number[] = []
  const lines: string[] = []
  return {
    exits,
    lines,
    signal: () => {
      for (const listener of listeners.slice(0, 1)) listener()
    },
    signals: {
      on: (_signal: string, listener: () => void) => void listeners.push(listener),
      exit: (code: number) => void exits.push(code),
      complain: (line: string) => void lines.push(line),
    },
  }
}

/** A start or stop that ends when it is told. */
function gate() {
  let open: () => void = () => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('the process', () => {
  it('runs until a signal, stops in order and ends with 0', async () => {
    const { signals, signal, exits } = scriptedProcess()
    const stopping = gate()
    let stops = 0
    const stop = () => {
      stops += 1
      return stopping.passed
    }
    const ended = runUntilSignal(signals, async () => ({ stop }))
    await settle()
    expect([stops, exits]).toEqual([0, []])
    signal()
    await settle()
    expect([stops, exits]).toEqual([1, []])
    stopping.open()
    await ended
    expect([stops, exits]).toEqual([1, [0]])
  })

  it('ends at once with 130 at the second signal, stopping only once', async () => {
    const { signals, signal, exits } = scriptedProcess()
    let stops = 0
    const stop = () => {
      stops += 1
      return new Promise<void>(() => undefined)
    }
    void runUntilSignal(signals, async () => ({ stop }))
    await settle()
    signal()
    await settle()
    signal()
    expect([stops, exits]).toEqual([1, [130]])
  })

  it('hears both signals', () => {
    const heard: string[] = []
    const { signals } = scriptedProcess()
    void runUntilSignal({ ...signals, on: (name) => void heard.push(name) }, () => new Promise(() => undefined))
    expect(heard.sort()).toEqual(['SIGINT', 'SIGTERM'])
  })

  it('signalled while it starts stops what it started, in order', async () => {
    const { signals, signal, exits } = scriptedProcess()
    const starting = gate()
    let stops = 0
    const stop = async () => {
      stops += 1
    }
    const ended = runUntilSignal(signals, async () => {
      await starting.passed
      return { stop }
    })
    signal()
    await settle()
    expect([stops, exits]).toEqual([0, []])
    starting.open()
    await ended
    expect([stops, exits]).toEqual([1, [0]])
  })

  it('that cannot start says why in one sentence, without a stack, and ends with 1', async () => {
    for (const error of [
      new StartError('port 8080 is taken; set HITLAKE_PORT'),
      new ConfigError(['HITLAKE_X is wrong']),
    ]) {
      const { signals, exits, lines } = scriptedProcess()
      await runUntilSignal(signals, async () => {
        throw error
      })
      expect(exits).toEqual([1])
      expect(lines).toEqual([error.message])
    }
  })

  it('that meets a fault of its own shows where', async () => {
    const { signals, exits, lines } = scriptedProcess()
    await runUntilSignal(signals, async () => {
      throw new TypeError('x is not a function')
    })
    expect(exits).toEqual([1])
    expect(lines[0]).toMatch(/x is not a function\n\s+at /)
  })

  it('whose stop fails says so and ends with 1', async () => {
    const { signals, signal, exits, lines } = scriptedProcess()
    const ended = runUntilSignal(signals, async () => ({
      stop: async () => {
        throw new Error('the log did not close')
      },
    }))
    signal()
    await ended
    expect(exits).toEqual([1])
    expect(lines[0]).toContain('the log did not close')
  })
})
