import { describe, expect, it } from 'vitest'
import { JournalGapError } from '../../../core/errors.ts'
import { type EpochMove, type IndexedEpoch, placeKey, planEpochs } from './plan-epochs.ts'

let clock = 0

/** An epoch `name` of partition 0, or of the moves given; it ends with a checkpoint of its name. */
function epoch(
  name: string,
  fence: number,
  from: number,
  next: number,
  started: string | null | undefined,
  more: { readonly moves?: readonly EpochMove[]; readonly number?: number } = {},
): IndexedEpoch {
  const move = { partition: 0, from, next, checkpoint: `checkpoint ${name}`, started }
  clock += 1
  return {
    name,
    stamp: { at: clock, owner: `owner ${fence}`, number: more.number ?? clock },
    job: 'hits',
    source: 'feed',
    fence,
    moves: [move, ...(more.moves ?? [])],
    staged: [`file ${name}`],
  }
}

interface Facts {
  readonly standing?: Readonly<Record<number, { readonly next: number; readonly checkpoint: string | null }>>
  readonly published?: readonly string[]
  /** Epochs whose objects were discarded. */
  readonly discarded?: readonly string[]
}

async function planned(entries: readonly IndexedEpoch[], facts: Facts = {}): Promise<readonly string[]> {
  const standing = Object.entries(facts.standing ?? {}).map(
    ([partition, each]) => [placeKey('hits', 'feed', Number(partition)), each] as const,
  )
  const plan = await planEpochs(entries, {
    standing: new Map(standing),
    published: new Set(facts.published?.map((name) => `file ${name}`)),
    exists: async (object) => !facts.discarded?.some((name) => object.endsWith(` ${name}`)),
  })
  return plan.map(({ name }) => name)
}

describe('an epoch of the journal counts as committed', () => {
  it('where another starts from where it ended, though all it staged is gone', async () => {
    const entries = [epoch('a', 1, 0, 5, null), epoch('b', 1, 5, 9, 'checkpoint a')]
    expect(await planned(entries, { discarded: ['a'] })).toEqual(['a', 'b'])
  })

  it('where a publication names its file', async () => {
    expect(await planned([epoch('a', 1, 0, 5, null)], { published: ['a'], discarded: ['a'] })).toEqual(['a'])
  })

  it('where it is the last of its partition and all it staged is there', async () => {
    expect(await planned([epoch('a', 1, 0, 5, null)])).toEqual(['a'])
  })

  it('and not where that was discarded', async () => {
    expect(await planned([epoch('a', 1, 0, 5, null)], { discarded: ['a'] })).toEqual([])
  })

  it('and not where the store has it already, or never was there', async () => {
    const entries = [epoch('a', 1, 0, 5, null), epoch('b', 1, 5, 9, 'checkpoint a')]
    expect(await planned(entries, { standing: { 0: { next: 5, checkpoint: 'checkpoint a' } } })).toEqual(['b'])
    expect(await planned(entries, { standing: { 0: { next: 9, checkpoint: 'checkpoint b' } } })).toEqual([])
    expect(await planned(entries, { standing: { 0: { next: 5, checkpoint: 'other' } } })).toEqual([])
  })
})

describe('epochs that move nothing, for they have panes and no record,', () => {
  const first = () => epoch('a', 1, 0, 5, null)

  it('are committed in their order, though the checkpoints of all but the last are gone', async () => {
    const entries = [
      ...[first(), epoch('b', 1, 5, 5, 'checkpoint a'), epoch('c', 1, 5, 5, 'checkpoint b')],
      epoch('d', 1, 5, 9, 'checkpoint c'),
    ]
    expect(await planned(entries, { discarded: ['a', 'b', 'c'] })).toEqual(['a', 'b', 'c', 'd'])
    expect(await planned(entries.slice(0, 3), { discarded: ['a', 'b'] })).toEqual(['a', 'b', 'c'])
  })

  it('were not where they were discarded, or another started from the same checkpoint and was continued', async () => {
    const lost = epoch('b', 1, 5, 5, 'checkpoint a')
    expect(await planned([first(), lost, epoch('c', 2, 5, 9, 'checkpoint a')], { discarded: ['b'] })).toEqual([
      'a',
      'c',
    ])
    // The process died before it could discard.
    expect(await planned([first(), lost, epoch('c', 2, 5, 9, 'checkpoint a')])).toEqual(['a', 'c'])
    expect(await planned([first(), lost, epoch('c', 2, 5, 5, 'checkpoint a')])).toEqual(['a', 'c'])
  })
})

describe('of two epochs from one place', () => {
  it('the one whose checkpoint was continued was committed, also where both end at one offset', async () => {
    const entries = [epoch('a', 1, 0, 5, null), epoch('b', 2, 0, 5, null), epoch('c', 3, 5, 9, 'checkpoint a')]
    expect(await planned(entries)).toEqual(['a', 'c'])
  })

  it('the published one was, though the other has the higher fence', async () => {
    expect(await planned([epoch('a', 1, 0, 5, null), epoch('b', 2, 0, 7, null)], { published: ['a'] })).toEqual(['a'])
  })

  it('else only the higher fence can have been: its owner had taken the partition where it still stood', async () => {
    const entries = [epoch('a', 1, 0, 5, null), epoch('b', 2, 0, 7, null)]
    expect(await planned(entries)).toEqual(['b'])
    expect(await planned(entries, { discarded: ['b'] })).toEqual([])
  })

  it('that holds for one partition of several, though the rest of the rival is not reached yet', async () => {
    const late = { partition: 1, from: 3, next: 4, checkpoint: 'checkpoint x', started: 'checkpoint y' }
    const rival = epoch('b', 2, 0, 7, null, { moves: [late] })
    const lead = {
      ...epoch('y', 1, 0, 3, null),
      moves: [{ ...late, from: 0, next: 3, checkpoint: 'checkpoint y', started: null }],
    }
    expect(await planned([epoch('a', 1, 0, 5, null), rival, lead])).toEqual(['y', 'b'])
  })

  it('of one fence the later attempt was', async () => {
    const entries = [epoch('a', 1, 0, 5, null, { number: 1 }), epoch('b', 1, 0, 7, null, { number: 2 })]
    expect(await planned(entries)).toEqual(['b'])
  })

  it('both published is what no journal can mend', async () => {
    const entries = [epoch('a', 1, 0, 5, null), epoch('b', 2, 0, 7, null)]
    await expect(planned(entries, { published: ['a', 'b'] })).rejects.toThrow(JournalGapError)
  })
})

describe('a journal with a hole', () => {
  it('is refused, naming the partition, the place and what starts beyond', async () => {
    const entries = [epoch('a', 1, 0, 5, null), epoch('c', 1, 9, 12, 'checkpoint b')]
    await expect(planned(entries)).rejects.toThrow(/partition 0 of hits in feed is at 5, was at 9 by c/)
  })

  it('is refused before anything where its first entry starts beyond the store', async () => {
    await expect(planned([epoch('c', 1, 9, 12, 'checkpoint b')])).rejects.toThrow(JournalGapError)
  })
})
