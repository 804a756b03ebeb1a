import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import { createSocketHub, type SocketHub, socketPingMs, socketShutDownMaxMs } from './socket-hub.ts'
import { createSocketSession, type SocketSession, socketMaxUnanswered, socketResumeAt } from './socket-session.ts'

/** The other end, and the answers to its frames, both in the test's hand. */
class Script {
  readonly said: string[] = []
  readonly begun: string[] = []
  readonly #answers: ((text: string) => void)[] = []
  readonly #written: (() => void)[] = []
  readonly session: SocketSession = createSocketSession(
    {
      send: (text, written) => {
        this.said.push(text)
        this.#written.push(written)
      },
      pause: () => this.said.push('(pause)'),
      resume: () => this.said.push('(resume)'),
      ping: () => this.said.push('(ping)'),
      close: (code) => this.said.push(`(close ${code})`),
      terminate: () => this.terminate(),
    },
    (frame) => {
      this.begun.push(String(frame))
      return new Promise((resolve) => this.#answers.push(resolve))
    },
  )
  terminate(): void {
    this.said.push('(terminate)')
  }
  frames(count: number): void {
    for (let n = 0; n < count; n++) this.session.onFrame(Buffer.from(`f${n}`))
  }
  async answer(frame: number, text = `to ${frame}`): Promise<void> {
    this.#answers[frame]?.(text)
    await Promise.resolve()
    await Promise.resolve()
  }
  /** The network takes the answer that was sent as the nth. */
  written(answer: number): void {
    this.#written[answer]?.()
  }
}

let script: Script
beforeEach(() => {
  script = new Script()
})

describe('a socket of hits', () => {
  it('begins frames in their order and answers each as soon as it can', async () => {
    script.frames(3)
    expect(script.begun).toEqual(['f0', 'f1', 'f2'])
    await script.answer(2)
    await script.answer(0)
    await script.answer(1)
    expect(script.said).toEqual(['to 2', 'to 0', 'to 1'])
  })

  it('is read on with 63 frames under way, and not with 64', () => {
    script.frames(socketMaxUnanswered - 1)
    expect(script.said).toEqual([])
    script.frames(1)
    expect(script.said).toEqual(['(pause)'])
  })

  it('begins no frame beyond the 64th that was read already, until an answer has left', async () => {
    script.frames(socketMaxUnanswered + 2)
    expect(script.begun).toHaveLength(socketMaxUnanswered)
    await script.answer(0)
    expect(script.begun).toHaveLength(socketMaxUnanswered)
    script.written(0)
    expect(script.begun).toHaveLength(socketMaxUnanswered + 1)
    await script.answer(1)
    script.written(1)
    expect(script.begun.slice(-2)).toEqual(['f64', 'f65'])
  })

  it('is read again when half of them are answered, and stops again at the limit', async () => {
    script.frames(socketMaxUnanswered)
    for (let n = 0; n < socketResumeAt; n++) {
      expect(script.said).not.toContain('(resume)')
      await script.answer(n)
      script.written(n)
    }
    expect(script.said.at(-1)).toBe('(resume)')
    script.frames(socketMaxUnanswered - socketResumeAt)
    expect(script.said.at(-1)).toBe('(pause)')
    expect(script.begun).toHaveLength(socketMaxUnanswered + socketResumeAt)
  })

  it('is not read while its answers are not', async () => {
    script.frames(socketMaxUnanswered)
    for (let n = 0; n < socketMaxUnanswered; n++) await script.answer(n)
    expect(script.said).not.toContain('(resume)')
  })

  it('that is gone is told nothing more', async () => {
    script.frames(2)
    script.session.onGone()
    await script.answer(0)
    script.session.check()
    script.session.shutDown()
    script.frames(1)
    expect(script.said).toEqual([])
    expect(script.begun).toHaveLength(2)
  })
})

describe('the end of a socket', () => {
  it('comes when what is under way is answered; what was not begun is not', async () => {
    script.frames(socketMaxUnanswered + 5)
    script.session.shutDown()
    script.frames(1)
    for (let n = 0; n < socketMaxUnanswered; n++) {
      await script.answer(n)
      expect(script.said).not.toContain('(close 1001)')
      script.written(n)
    }
    expect(script.begun).toHaveLength(socketMaxUnanswered)
    expect(script.said.slice(-2)).toEqual(['(close 1001)', '(resume)'])
    expect(script.said.filter((text) => text.startsWith('to '))).toHaveLength(socketMaxUnanswered)
  })

  it('comes at once where nothing is under way, and once', () => {
    script.session.shutDown()
    script.session.shutDown()
    expect(script.said).toEqual(['(pause)', '(close 1001)', '(resume)'])
  })
})

describe('the pulse', () => {
  let clock: ManualClock
  let hub: SocketHub
  let leave: () => void
  beforeEach(() => {
    clock = new ManualClock()
    hub = createSocketHub(clock)
    leave = hub.add(script.session, script)
  })

  it('asks every 30 s and ends who gave no sign for as long', () => {
    clock.advance(socketPingMs - 1)
    expect(script.said).toEqual([])
    clock.advance(1)
    expect(script.said).toEqual(['(ping)'])
    script.session.onPong()
    clock.advance(socketPingMs)
    expect(script.said).toEqual(['(ping)', '(ping)'])
    clock.advance(socketPingMs)
    expect(script.said).toEqual(['(ping)', '(ping)', '(terminate)'])
  })

  it('takes a frame as a sign, and an answer that left', async () => {
    clock.advance(socketPingMs)
    script.frames(1)
    clock.advance(socketPingMs)
    await script.answer(0)
    script.written(0)
    clock.advance(socketPingMs)
    expect(script.said).toEqual(['(ping)', '(ping)', 'to 0', '(ping)'])
  })

  it('ends a peer that is not read from and reads nothing either', () => {
    script.frames(socketMaxUnanswered)
    clock.advance(2 * socketPingMs)
    expect(script.said).toEqual(['(pause)', '(ping)', '(terminate)'])
  })

  it('stands still while there is no socket', () => {
    expect(clock.pendingTimers).toBe(1)
    leave()
    expect(clock.pendingTimers).toBe(0)
    hub.add(new Script().session, script)
    expect(clock.pendingTimers).toBe(1)
  })

  it('waits at the end for every socket, and cuts those that do not go', async () => {
    const other = new Script()
    const leaveOther = hub.add(other.session, other)
    let state: 'waiting' | 'ended' = 'waiting'
    const ended = hub.close().then(() => {
      state = 'ended'
    })
    expect([script.said, other.said]).toEqual(Array(2).fill(['(pause)', '(close 1001)', '(resume)']))
    leave()
    clock.advance(socketShutDownMaxMs - 1)
    expect(other.said).not.toContain('(terminate)')
    clock.advance(1)
    expect(other.said).toContain('(terminate)')
    await Promise.resolve()
    expect(state).toBe('waiting')
    leaveOther()
    await ended
    expect(clock.pendingTimers).toBe(0)
    await hub.close()
    const late = new Script()
    hub.add(late.session, late)
    expect(late.said).toContain('(close 1001)')
  })
})
