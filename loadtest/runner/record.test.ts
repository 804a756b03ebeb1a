import { describe, expect, it } from 'vitest'
import { problemOf } from '../../bench/record.ts'
import { defaultLoad } from '../lib/scale.ts'
import { measuredOf, type Run } from './record.ts'

const run: Run = {
  scenario: 'base',
  load: { ...defaultLoad, factor: 0.5 },
  summary: {
    metrics: {
      hits_offered: { values: { count: 60_000 } },
      hits_accepted: { values: { count: 59_980 } },
      books_accepted: { values: { count: 59_970 } },
      books_stored: { values: { count: 59_960 } },
      series_hits: { values: { count: 59_959 } },
      errors: { values: { rate: 0.002 } },
      ack_ms: { values: { med: 5.04, 'p(99)': 251, max: 400, count: 3_000 } },
    },
  },
  logBytesAHit: 335.7,
  k6CpuSeconds: 6,
  elapsedSeconds: 60,
  serverCpuSeconds: 30,
  httpThreadCpuSeconds: 12,
  peakRssBytes: 450e6,
  stopSeconds: 4.21,
  dataFolderBytes: 12_340_000,
  problems: ['LOST: some'],
}
const figureOf = (name: string, of: Run = run) =>
  measuredOf(of, 'npm run loadtest', []).figures.find((figure) => figure.name === name)

describe('the record of a run', () => {
  it('can be kept, with what did not hold and how it was found', () => {
    const measured = measuredOf(run, 'npm run loadtest -- base', ['found by trials'])
    expect(problemOf(measured)).toBeNull()
    expect(measured).toMatchObject({ suite: 'load-base', command: 'npm run loadtest -- base' })
    expect(measured.remarks).toContain('Did not hold: LOST: some.')
    expect(measured.remarks?.at(-1)).toBe('found by trials')
    expect(measured.quick).toBeUndefined()
  })

  it('says hits a second, costs a million hits, and hits lost with the goal of none', () => {
    expect(figureOf('hits accepted a second')?.value).toBe(1_000)
    expect(figureOf('CPU of the server a million hits')?.value).toBe(500.2)
    expect(figureOf('CPU of the thread that takes hits, a million hits')?.value).toBe(200.1)
    expect(figureOf('accepted, but not in the books')).toMatchObject({
      value: 10,
      goal: { at: 'most', value: 0 },
      issue: 9,
    })
    expect(figureOf('stored hits that no time series counts')?.value).toBe(1)
    expect(figureOf('in doubt: no answer, or 5xx')?.value).toBe(20)
  })

  it('has goals of time on a quiet machine only', () => {
    const name = 'from a request to its durable answer, p99'
    expect(figureOf(name)).toMatchObject({ value: 251, goal: { at: 'most', value: 250 } })
    expect(figureOf(name, { ...run, load: { ...run.load, slack: 2 } })).not.toHaveProperty('goal')
  })

  it('leaves out what was not measured, and is quick where it was shorter than usual', () => {
    expect(figureOf('time series, p99')).toBeUndefined()
    expect(figureOf('clean stop', { ...run, stopSeconds: undefined })).toBeUndefined()
    const short = measuredOf({ ...run, load: { ...run.load, seconds: 59 } }, 'c', [])
    expect(short.quick).toBe(true)
  })

  it('can be kept where nothing was accepted', () => {
    expect(problemOf(measuredOf({ ...run, summary: { metrics: {} } }, 'c', []))).toBeNull()
  })
})
