import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../core/adapters/memory/manual-clock.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { RerunProgress } from '../../core/rerun-notes.ts'
import { possibleVerbs } from '../../gateway/core/rerun-requests.ts'
import type { EstimateView, RerunView } from '../../gateway/core/rerun-view.ts'
import type { Api } from '../client/api.ts'
import { type RerunContext, type RerunOptions, rerunPipeline, watchEveryMs } from './rerun-command.ts'
import { diffOne, listReruns, moveOne, showOne } from './rerun-verbs.ts'

const plan: EstimateView = {
  generation: 2,
  snapshot: '77',
  publish: 12,
  places: 1,
  splits: 3,
  rows: 1_200,
  bytes: 4_096,
  buckets: 72,
  methods: { hits: 'operators', hourly: 'sql' },
  methodReasons: { hits: 'the steps of the plan are code', hourly: 'hours follow from rows of hits by SQL' },
  plan: { live: 'aaaa', rerun: 'bbbb' },
  dataSets: 'recorded',
  zones: 'recorded',
  goesOnCosting: 'every hit is processed twice',
  firstDay: '2026-03-01',
  lastDay: '2026-03-03',
}

const difference = {
  metric: 'hits',
  breakdown: 'total',
  buckets: 72,
  changed: 0,
  before: '1200',
  after: '1200',
} as const
const largest = { merchant: 'lamps' as MerchantId, bucket: '2026-03-02T10:00:00.000Z', breakdown: 'total', value: '' }
const search = { ...largest, breakdown: 'source', value: 'google', before: '0', after: '40' }
const diff: NonNullable<RerunView['diff']> = {
  at: '2026-03-04T00:00:00.000Z',
  snapshot: '90',
  total: [
    { ...difference, largest: null },
    { ...difference, breakdown: 'source', buckets: 150, changed: 31, after: '1200', largest: search },
    { ...difference, metric: 'orders', breakdown: 'country', largest: null },
    {
      ...{
        metric: 'revenue',
        breakdown: 'total',
        buckets: 72,
        changed: 12,
        before: '12500000000',
        after: '1250500000',
      },
      largest: { ...largest, before: '900000000', after: '90000000' },
    },
  ],
  merchants: [
    {
      merchant: 'lamps',
      metrics: [{ ...difference, breakdown: 'source', buckets: 100, changed: 31, largest: search }],
    },
  ],
  merchantsCompared: 3,
  merchantsChanged: 1,
}

function rerun(state: RerunView['state'], more: Partial<RerunView> = {}): RerunView {
  const request = { plan: 'bbbb', via: null, dataSets: 'recorded', zones: 'recorded', recovers: null } as const
  const place = { merchant: null, firstDay: '2026-03-01', lastDay: null }
  return {
    ...{ id: 3, generation: 2, pipeline: 'hits', state, rests: null, snapshot: '77', sinks: ['hits', 'hourly'] },
    ...{ firstDay: '2026-03-01', lastDay: null, merchant: null, by: 'ada', outcome: null, waits: null, trouble: null },
    ...{ createdAt: '2026-03-04T00:00:00.000Z', movedAt: '2026-03-04T00:00:00.000Z', progress: null, diff: null },
    possible: possibleVerbs({ state }),
    request: { ...request, promote: 'manual', places: [place], placesInAll: 1 },
    plan,
    noDiff: null,
    writing: [{ generation: 1, plan: null, sinks: ['hits', 'hourly'] }],
    bothForDays: null,
    events: [{ at: '2026-03-04T00:00:00.000Z', state: 'planned', by: 'ada', note: null }],
    ...more,
  }
}

const progress = (done: number): RerunProgress => ({
  phase: 'backfill',
  splits: { done, of: 3 },
  rows: { done: done * 400, of: 1_200 },
  rowsPerSecond: 400,
  secondsLeft: 3 - done,
})

/** Answers come one after the other; a status goes before its body where it is not 200. */
function world(answers: readonly (object | [number, object])[], confirm: boolean | null = null) {
  const clock = new ManualClock()
  const sent: unknown[] = []
  const lines: string[] = []
  const written: string[] = []
  const left = [...answers]
  const reply = () => {
    const next = left.shift() ?? {}
    const [status, body] = Array.isArray(next) ? (next as [number, object]) : [200, next]
    return { status, body, headers: new Headers() }
  }
  const api: Api = {
    async get(path) {
      sent.push(path)
      // Whoever watches sleeps next.
      setImmediate(() => clock.advance(watchEveryMs))
      return reply()
    },
    async post(path, body) {
      sent.push([path, body])
      return reply()
    },
  }
  const context: RerunContext = {
    api,
    clock,
    timers: clock,
    server: 'found',
    confirm: confirm === null ? null : async () => confirm,
    terminal: {
      out: (line) => lines.push(line),
      progress: { write: (text) => written.push(text), isTerminal: false, width: 100 },
      isTerminal: false,
      width: 100,
    },
  }
  return { context, sent, lines, written }
}

const dry = { plan, inTheWay: null }
const options: RerunOptions = { snapshot: '77', by: 'ada' }
const recorded = { id: 3, state: 'planned', plan }

describe('hitlake rerun', () => {
  it('says what it will do, follows it, and shows old and new numbers and what may be done next', async () => {
    const { context, sent, lines, written } = world([
      dry,
      [202, recorded],
      rerun('planned'),
      rerun('backfilling', { progress: progress(1) }),
      rerun('catching_up', { progress: progress(3), waits: 'what was accepted until now is being published' }),
      rerun('ready', { diff }),
    ])
    expect(await rerunPipeline(context, 'hits', { ...options, yes: true })).toBe(0)
    expect(sent.slice(0, 2)).toEqual([
      ['/v1/admin/reruns', { pipeline: 'hits', snapshot: '77', by: 'ada', dryRun: true }],
      ['/v1/admin/reruns', { pipeline: 'hits', snapshot: '77', by: 'ada' }],
    ])
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/run.txt')
    expect(written.join('')).toContain('planned: waits for its turn')
    expect(written.join('')).toContain('catching up: what was accepted until now is being published')
    expect(written.join('')).toContain('1,200 of 1,200 rows (backfill)')
  })

  it('only looks with --dry-run', async () => {
    const { context, sent, lines } = world([dry])
    expect(await rerunPipeline(context, 'hits', { ...options, dryRun: true })).toBe(0)
    expect(sent).toHaveLength(1)
    expect(lines.at(-1)).toBe('nothing was recorded')
    const json = world([dry])
    await rerunPipeline(json.context, 'hits', { ...options, dryRun: true, json: true })
    expect(JSON.parse(json.lines.join())).toEqual(dry)
  })

  it('sends all that is asked for', async () => {
    const { context, sent } = world([dry])
    const asked = { sink: ['hourly'], from: '2026-03-01', to: '2026-03-02', merchant: 'lamps', failed: true } as const
    const more = { via: 'sql', dataSets: 'today', zones: 'today', plan: 'cccc', promote: 'auto', dryRun: true } as const
    await rerunPipeline(context, 'hits', { ...options, ...asked, ...more })
    const { sink, ...rest } = asked
    expect(sent).toEqual([
      ['/v1/admin/reruns', { pipeline: 'hits', snapshot: '77', by: 'ada', sinks: sink, ...rest, ...more }],
    ])
  })

  it('begins from what is read now where the snapshot is called latest', async () => {
    const { context, sent } = world([{ tables: [{ name: 'hits', snapshot: '99' }] }, dry])
    await rerunPipeline(context, 'hits', { ...options, snapshot: 'latest', dryRun: true })
    expect(sent[1]).toMatchObject(['/v1/admin/reruns', { snapshot: '99' }])
    const empty = world([{ tables: [{ name: 'hits', snapshot: null }] }])
    await expect(rerunPipeline(empty.context, 'hits', { ...options, snapshot: 'latest' })).rejects.toThrow(
      'no snapshot yet',
    )
  })

  it('records nothing unless it is meant', async () => {
    const no = world([dry], false)
    expect(await rerunPipeline(no.context, 'hits', options)).toBe(1)
    expect(no.sent).toHaveLength(1)
    const nobody = world([dry])
    await expect(rerunPipeline(nobody.context, 'hits', options)).rejects.toThrow('add --yes')
    const yes = world([dry, [202, recorded], rerun('promoted')], true)
    expect(await rerunPipeline(yes.context, 'hits', options)).toBe(0)
  })

  it('is not recorded while another is in its way, which a dry run says too', async () => {
    const { context, lines } = world([{ plan, inTheWay: 2 }])
    await rerunPipeline(context, 'hits', { ...options, dryRun: true })
    expect(lines.at(-1)).toContain('nothing was recorded; rerun 2 makes the same sinks there')
    const { context: meant, sent } = world([{ plan, inTheWay: 2 }])
    await expect(rerunPipeline(meant, 'hits', { ...options, yes: true })).rejects.toThrow('hitlake rerun show 2')
    expect(sent).toHaveLength(1)
  })

  it('comes back at once with --detach, and says where to look', async () => {
    const { context, lines } = world([dry, [202, recorded]])
    expect(await rerunPipeline(context, 'hits', { ...options, yes: true, detach: true })).toBe(0)
    expect(lines.at(-1)).toBe('Rerun 3 is recorded. How far it is: hitlake rerun show 3')
    const own = world([dry, [202, recorded]])
    await rerunPipeline({ ...own.context, server: 'own' }, 'hits', { ...options, yes: true, detach: true })
    expect(own.written.join()).toContain('worked off as soon as one does')
  })

  it('ends with 1 and the reason where it failed', async () => {
    const note = 'rerun_refused: this cannot be rerun: windows keep state'
    const events = [{ at: '2026-03-04T00:00:00.000Z', state: 'failed', by: 'the driver', note }] as const
    const { context, lines } = world([dry, [202, recorded], rerun('failed', { rests: 'planned', events })])
    expect(await rerunPipeline(context, 'hits', { ...options, yes: true })).toBe(1)
    expect(lines).toContain(`  ${note}`)
    expect(lines.slice(-3)).toEqual([
      'Next:',
      '  hitlake rerun resume 3  go on',
      '  hitlake rerun cancel 3  give it up',
    ])
  })

  it('goes on watching one that will answer by itself until it does', async () => {
    const auto = { request: { ...rerun('ready').request, promote: 'auto' as const } }
    const { context, lines } = world([dry, [202, recorded], rerun('ready', auto), rerun('promoted', auto)])
    expect(await rerunPipeline(context, 'hits', { ...options, yes: true, promote: 'auto' })).toBe(0)
    expect(lines).toContain('Rerun 3 of hits, generation 2: promoted')
  })

  it('says what the server refuses', async () => {
    const { context } = world([[409, { code: 'rerun_overlaps', detail: 'rerun 2 makes hits' }]])
    await expect(rerunPipeline(context, 'hits', options)).rejects.toThrow('rerun_overlaps: rerun 2 makes hits')
  })
})

describe('hitlake rerun show, diff, list and verbs', () => {
  it('shows what there is to say, and what may be done', async () => {
    const outcome = {
      splits: 1,
      splitsDone: 2,
      rowsRead: 400,
      stored: 380,
      failed: { bad_currency: 12 },
      dropped: { erased: 8 },
    }
    const trouble = {
      code: 'TRINO_UNAVAILABLE',
      says: 'Trino gave no answer',
      since: '2026-03-04T01:00:00.000Z',
      tries: 4,
    }
    const writing = [...rerun('ready').writing, { generation: 2, plan: 'bbbb', sinks: ['hits'] as const }]
    const shown = rerun('catching_up', { progress: progress(1), outcome, trouble, writing, waits: 'a publication' })
    const { context, lines } = world([shown])
    expect(await showOne(context, 3, {})).toBe(0)
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/show.txt')
    const old = world([rerun('promoted', { bothForDays: 9 })])
    await showOne(old.context, 3, {})
    expect(old.lines.join('\n')).toContain('both plans have run for 9 days; release or roll back it')
  })

  it('has the difference once there is one; before that it ends with 1', async () => {
    const { context, lines } = world([rerun('promoted', { diff })])
    expect(await diffOne(context, 3, {})).toBe(0)
    expect(lines[0]).toBe('Old and new numbers: 1 of 3 merchants differ.')
    const early = world([rerun('backfilling')])
    expect(await diffOne(early.context, 3, {})).toBe(1)
    const same = { ...diff, merchantsChanged: 0, merchants: [] }
    const nothing = world([rerun('ready', { diff: same })])
    await diffOne(nothing.context, 3, {})
    expect(nothing.lines).toEqual(['Nothing differs: 72 hours of 3 merchants have the same numbers.'])
    const json = world([rerun('ready', { diff })])
    await diffOne(json.context, 3, { json: true })
    expect(JSON.parse(json.lines.join())).toEqual({ diff })
  })

  it('lists all pages of them', async () => {
    const { context, sent, lines } = world([{ reruns: [rerun('ready')], next: 3 }, { reruns: [rerun('released')] }])
    expect(await listReruns(context, { open: true })).toBe(0)
    expect(sent).toEqual(['/v1/admin/reruns?state=open', '/v1/admin/reruns?state=open&before=3'])
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/list.txt')
  })

  it.each(['promote', 'rollback', 'release', 'pause', 'resume', 'cancel'] as const)('can %s one', async (verb) => {
    const { context, sent, lines } = world([rerun('paused')])
    expect(await moveOne(context, verb, 3, { by: 'ada', note: 'agreed' })).toBe(0)
    expect(sent).toEqual([[`/v1/admin/reruns/3/${verb}`, { by: 'ada', note: 'agreed' }]])
    expect(lines[0]).toMatch(/3/)
  })
})
