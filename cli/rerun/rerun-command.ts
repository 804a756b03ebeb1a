/** `hitlake rerun <pipeline>`: says what it will do, records it, shows how far it is, and what it changed. */
import { CommandError } from '../../core/errors.ts'
import { type Clock, sleep, type Timers } from '../../core/ports/clock.ts'
import type { EstimateView, RerunView } from '../../gateway/core/rerun-view.ts'
import { type Api, type ApiReply, problemText } from '../client/api.ts'
import { createProgress, type Progress } from '../client/progress.ts'
import type { Terminal } from '../client/terminal.ts'
import { diffLines } from './diff-text.ts'
import { nextLines, planLines, rerunLines, stateText, titleOf } from './rerun-text.ts'

export interface RerunContext {
  readonly api: Api
  readonly terminal: Terminal
  readonly clock: Clock
  /** Whose pending timers keep the process alive. */
  readonly timers: Timers
  /** Asks whoever sits there; null where nobody does. */
  readonly confirm: ((question: string) => Promise<boolean>) | null
  /** `own`: the server lives as long as this command. */
  readonly server: 'found' | 'own'
}

/** As the command line has them. */
export interface RerunOptions {
  readonly snapshot: string
  readonly sink?: readonly string[]
  readonly from?: string
  readonly to?: string
  readonly merchant?: string
  /** true: whatever they were refused for. */
  readonly failed?: string | true
  readonly via?: string
  readonly dataSets?: string
  readonly zones?: string
  readonly plan?: string
  readonly promote?: string
  readonly by: string
  readonly dryRun?: true
  readonly yes?: true
  readonly detach?: true
  readonly json?: true
}

/** How often a command that watches a rerun asks how far it is. */
export const watchEveryMs = 1_000
/** Characters, however narrow the terminal. */
const diffMinWidth = 140

const path = '/v1/admin/reruns'

/** 1 where it did not come to its end, or was not begun. */
export async function rerunPipeline(context: RerunContext, pipeline: string, options: RerunOptions): Promise<0 | 1> {
  const { api, terminal } = context
  const body = bodyOf(pipeline, { ...options, snapshot: await snapshotOf(api, options.snapshot) })
  const { plan, inTheWay } = answerOf<DryRun>(await api.post(path, { ...body, dryRun: true }, 'repeatable'))
  if (options.dryRun === true) {
    if (options.json === true) terminal.out(JSON.stringify({ plan, inTheWay }))
    else {
      terminal.out(`A rerun of ${pipeline} would be`)
      for (const line of planLines(plan)) terminal.out(`  ${line}`)
      terminal.out(inTheWay === null ? 'nothing was recorded' : `nothing was recorded; ${wayText(inTheWay)}`)
    }
    return 0
  }
  if (options.json !== true)
    for (const line of [`Rerun of ${pipeline}`, ...indented(planLines(plan))]) terminal.out(line)
  if (inTheWay !== null) throw new CommandError(wayText(inTheWay))
  if (options.yes !== true && !(await confirmed(context))) {
    terminal.out('nothing was recorded')
    return 1
  }
  // Sent once: a second record of it would meet the first.
  const recorded = answerOf<{ id: number; state: string }>(await api.post(path, body, 'once'))
  if (options.detach === true) {
    if (options.json === true) terminal.out(JSON.stringify(recorded))
    else terminal.out(`Rerun ${recorded.id} is recorded. How far it is: hitlake rerun show ${recorded.id}`)
    if (context.server === 'own') {
      terminal.progress.write('no server runs now: it is worked off as soon as one does\n')
    }
    return 0
  }
  if (context.server === 'found') {
    terminal.progress.write(`rerun ${recorded.id} goes on without this command, too\n`)
  }
  const rerun = await watch(context, recorded.id)
  if (options.json === true) terminal.out(JSON.stringify(rerun))
  else {
    terminal.out(titleOf(rerun))
    const last = rerun.events.at(-1)
    if (rerun.state === 'failed' && last !== undefined) terminal.out(`  ${last.note ?? ''}`)
    for (const line of differenceLines(rerun, terminal.width)) terminal.out(line)
    for (const line of nextLines(rerun)) terminal.out(line)
  }
  return rerun.state === 'ready' || rerun.state === 'promoted' || rerun.state === 'released' ? 0 : 1
}

export function differenceLines({ diff, noDiff }: RerunView, width: number): readonly string[] {
  if (diff !== null) return diffLines(diff, Math.max(width, diffMinWidth))
  return noDiff === null ? [] : [`There are no old and new numbers: ${noDiff}.`]
}

/** Shows one, and what can be done with it. */
export function showRerun(rerun: RerunView, terminal: Pick<Terminal, 'out'>): void {
  for (const line of [...rerunLines(rerun), ...nextLines(rerun)]) terminal.out(line)
}

/** Until it rests, one way or the other. */
async function watch({ api, terminal, clock, timers }: RerunContext, id: number): Promise<RerunView> {
  let phase: string | undefined
  let bar: Progress | undefined
  let says: string | null = null
  for (;;) {
    const rerun = answerOf<RerunView>(await api.get(`${path}/${id}`))
    const { progress, state, waits, trouble } = rerun
    const isOver = !['planned', 'backfilling', 'catching_up'].includes(state) && !isPromoting(rerun)
    if (progress !== null && progress.phase !== phase && progress.rows.of > 0) {
      bar?.end()
      phase = progress.phase
      const [before, total] = [progress.rows.done, progress.rows.of]
      bar = createProgress({ out: terminal.progress, clock, what: `rows (${phase})`, total, before })
    }
    if (progress !== null && progress.phase === phase) bar?.at(progress.rows.done)
    const word = trouble === null ? (waits ?? (state === 'planned' ? 'waits for its turn' : null)) : trouble.says
    if (word !== null && word !== says && !isOver)
      terminal.progress.write(`${bar === undefined ? '' : '\n'}${stateText(state)}: ${word}\n`)
    says = word
    if (isOver) {
      bar?.end()
      return rerun
    }
    await sleep(timers, watchEveryMs)
  }
}

interface DryRun {
  readonly plan: EstimateView
  /** A rerun that it meets. */
  readonly inTheWay: number | null
}

const wayText = (id: number) => `rerun ${id} makes the same sinks there and is not over: hitlake rerun show ${id}`

const isPromoting = ({ state, request }: RerunView) => state === 'ready' && request.promote === 'auto'

async function confirmed({ confirm }: RerunContext): Promise<boolean> {
  if (confirm === null) throw new CommandError('add --yes to record it, or --dry-run to only look')
  return confirm('Record it?')
}

/** `latest`: what readers read of `hits` now. */
async function snapshotOf(api: Api, asked: string): Promise<string> {
  if (asked !== 'latest') return asked
  const { tables } = answerOf<{ tables: readonly { name: string; snapshot: string | null }[] }>(
    await api.get('/v1/admin/tables'),
  )
  const snapshot = tables.find(({ name }) => name === 'hits')?.snapshot ?? null
  if (snapshot === null)
    throw new CommandError('hits has no snapshot yet: the first hits are not published; try again in a minute')
  return snapshot
}

function bodyOf(pipeline: string, options: RerunOptions): object {
  const { snapshot, sink, from, to, merchant, failed, via, dataSets, zones, plan, promote, by } = options
  const asked = { from, to, merchant, failed, via, dataSets, zones, plan, promote }
  const given = Object.entries(asked).filter(([, value]) => value !== undefined)
  return { pipeline, snapshot, ...(sink && { sinks: sink }), ...Object.fromEntries(given), by }
}

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`)

/** @throws CommandError with what the server says */
export function answerOf<T>(reply: ApiReply): T {
  if (reply.status >= 300) throw new CommandError(problemText(reply))
  return reply.body as T
}
