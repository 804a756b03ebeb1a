/**
 * What a forwarder does every second beside forwarding: asks the store how far the jobs are, says how fresh this
 * collector's hits are, and keeps its mark. Nothing of it holds up a hit, and all of it is done again in a second.
 */

import type { Timers } from '../../core/ports/clock.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import type { ForwardHistory } from './forwarder-history.ts'
import { type ForwardMark, writeMark } from './forwarder-mark.ts'
import type { KeptFile } from './kept-file.ts'
import type { KnownCollector } from './known-collector.ts'
import type { ReportedTime } from './reported-time.ts'

export const reportEveryMs = 1_000
/** While it drains somebody waits for it. */
export const drainPollMs = 200

export interface ForwardReports {
  start(): void
  retire(): Promise<'retired' | 'stopped'>
  stop(): Promise<void>
}

export interface ForwardReportsOptions {
  readonly log: Pick<HitLog, 'id' | 'next' | 'durable'>
  readonly store: Pick<ClusterStore, 'logProgress' | 'reportCollector'>
  readonly markFile: KeptFile
  /** Keeps each time before it is reported. Left out: after a restart `receivedNow` may run back. */
  readonly reported?: Pick<ReportedTime, 'keep'>
  /** Told of reports. Left out: nobody asks whether the store knows of this log. */
  readonly known?: Pick<KnownCollector, 'told' | 'forget'>
  readonly receivedNow: () => number
  readonly timers: Timers
  readonly history: () => ForwardHistory | undefined
  /** What to keep; undefined while nothing is known. */
  readonly mark: () => ForwardMark | undefined
  /** Whether all that is durable is in the feed. */
  readonly isForwarded: () => boolean
  readonly onProgress?: () => void
  readonly onTrouble?: (what: 'store' | 'mark', error: unknown) => void
}

export function createForwardReports(options: ForwardReportsOptions): ForwardReports {
  const { log, store, timers } = options
  let state: 'running' | 'retiring' | 'retired' | 'stopped' = 'running'
  let cancelTimer = () => {}
  let round: Promise<void> = Promise.resolve()
  let keptAcked = -1
  const troubled = { store: false, mark: false }
  let answerRetire: (how: 'retired' | 'stopped') => void = () => {}
  const retired = new Promise<'retired' | 'stopped'>((resolve) => {
    answerRetire = resolve
  })

  async function tried(what: 'store' | 'mark', task: () => Promise<void>): Promise<void> {
    try {
      await task()
      troubled[what] = false
    } catch (error) {
      if (!troubled[what]) options.onTrouble?.(what, error)
      troubled[what] = true
    }
  }

  async function keepMark(): Promise<void> {
    const mark = options.mark()
    if (mark === undefined || mark.acked === keptAcked) return
    await writeMark(options.markFile, mark)
    keptAcked = mark.acked
  }

  async function report(): Promise<void> {
    const history = options.history()
    if (history === undefined) return
    history.mark()
    history.sample(options.receivedNow(), log.next)
    history.apply(await store.logProgress(log.id))
    options.onProgress?.()
    const isDone = state === 'retiring' && options.isForwarded() && history.publishedThrough >= log.durable
    const { visibleThrough } = history
    await options.reported?.keep(visibleThrough)
    if (isDone) await options.known?.forget()
    await store.reportCollector({ log: log.id, visibleThrough, state: isDone ? 'retired' : 'live' })
    if (!isDone) await options.known?.told()
    if (isDone && state === 'retiring') {
      state = 'retired'
      answerRetire('retired')
    }
  }

  async function once(): Promise<void> {
    await tried('mark', keepMark)
    await tried('store', report)
  }

  /** One round at a time; the next begins a while after the one before ended. */
  function again(delayMs: number): void {
    cancelTimer()
    cancelTimer = timers.after(delayMs, () => {
      round = once().then(() => {
        if (state === 'running') again(reportEveryMs)
        else if (state === 'retiring') again(drainPollMs)
      })
    })
  }

  return {
    start: () => again(0),
    retire() {
      if (state === 'running') {
        state = 'retiring'
        void round.then(() => {
          if (state === 'retiring') again(0)
        })
      }
      return retired
    },
    async stop() {
      if (state !== 'retired') state = 'stopped'
      cancelTimer()
      answerRetire('stopped')
      await round
    },
  }
}
