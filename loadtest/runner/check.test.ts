import { describe, expect, it } from 'vitest'
import { maxDroppedShare, problemsOfRun } from './check.ts'
import type { Metric, Summary } from './summary.ts'

/** A run that holds: 1,000 hits, 20 of them sent twice. */
const sound = {
  hits_offered: 1_020,
  hits_accepted: 1_020,
  hits_repeated: 20,
  books_accepted: 1_020,
  books_stored: 1_000,
  books_duplicates: 20,
  series_hits: 1_000,
  iterations: 100,
}

function summary(changes: Partial<Record<string, number>> = {}, more: Record<string, Metric> = {}): Summary {
  const counts = Object.entries({ ...sound, ...changes })
  return {
    metrics: { ...Object.fromEntries(counts.map(([name, count]) => [name, { values: { count } as never }])), ...more },
  }
}

describe('a run', () => {
  it('holds where answers, books and series agree', () => {
    expect(problemsOfRun(summary())).toEqual([])
  })

  it.each([
    [
      'a hit that was answered 202 and is in no books',
      { books_accepted: 1_019, books_stored: 999, series_hits: 999 },
      /LOST/,
    ],
    [
      'a hit in the books that nobody sent',
      { books_accepted: 1_021, books_stored: 1_001, series_hits: 1_001 },
      /DOUBLED/,
    ],
    [
      'a repeat that was stored as a hit',
      { books_duplicates: 19, books_stored: 1_001, series_hits: 1_001 },
      /sent twice/,
    ],
    [
      'a hit called a duplicate that was sent once',
      { books_duplicates: 21, books_stored: 999, series_hits: 999 },
      /sent twice/,
    ],
    ['a hit that failed', { books_other: 1, books_stored: 999, series_hits: 999 }, /failed or were dropped/],
    ['a stored hit that no series counts', { series_hits: 999 }, /time series count 999/],
    ['no hits at all', { ...Object.fromEntries(Object.keys(sound).map((name) => [name, 0])) }, /no hit was accepted/],
  ])('does not hold with %s', (_, changes, problem) => {
    expect(problemsOfRun(summary(changes))).toEqual([expect.stringMatching(problem)])
  })

  it('may have stored hits of requests without an answer, or not', () => {
    const doubt = { hits_offered: 1_040 }
    expect(problemsOfRun(summary(doubt))).toEqual([])
    expect(
      problemsOfRun(summary({ ...doubt, books_accepted: 1_040, books_stored: 1_020, series_hits: 1_020 })),
    ).toEqual([])
    expect(
      problemsOfRun(summary({ ...doubt, books_accepted: 1_041, books_stored: 1_021, series_hits: 1_021 })),
    ).toEqual([expect.stringMatching(/DOUBLED/)])
    expect(problemsOfRun(summary({ ...doubt, books_accepted: 1_019, books_stored: 999, series_hits: 999 }))).toEqual([
      expect.stringMatching(/LOST/),
    ])
  })

  it('has no hits in doubt of requests that were refused', () => {
    const refused = {
      hits_offered: 1_040,
      hits_refused: 20,
      books_accepted: 1_021,
      books_stored: 1_001,
      series_hits: 1_001,
    }
    expect(problemsOfRun(summary(refused))).toEqual([expect.stringMatching(/DOUBLED/)])
  })

  it('does not hold where a threshold was crossed', () => {
    const slow: Metric = {
      values: { 'p(99)': 300 },
      thresholds: { 'p(99)<250': { ok: false }, 'max<900': { ok: true } },
    }
    expect(problemsOfRun(summary({}, { ack_ms: slow }))).toEqual(['threshold crossed: ack_ms: p(99)<250'])
  })

  it('does not hold where more than a hundredth of the load could not be sent', () => {
    const begun = 10_000
    const dropped = (begun * maxDroppedShare) / (1 - maxDroppedShare)
    expect(problemsOfRun(summary({ iterations: begun, dropped_iterations: Math.floor(dropped) }))).toEqual([])
    const more = summary({ iterations: begun, dropped_iterations: Math.ceil(dropped) + 1 })
    expect(problemsOfRun(more)).toEqual([expect.stringMatching(/could not be sent in time/)])
    expect(problemsOfRun(summary({ ws_msgs_sent: 50, iterations: 0, frames_held: 50 }))).toEqual([
      expect.stringMatching(/50.0 %/),
    ])
  })
})
