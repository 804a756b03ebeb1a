/** `hitlake rerun list|show|diff` and the verbs that move one. */
import type { RerunVerb } from '../../gateway/core/rerun-requests.ts'
import type { RerunSummary, RerunView } from '../../gateway/core/rerun-view.ts'
import { tableLines } from '../query/table.ts'
import { answerOf, differenceLines, type RerunContext, showRerun } from './rerun-command.ts'
import { daysText, nextLines, stateText, titleOf } from './rerun-text.ts'

type Context = Pick<RerunContext, 'api' | 'terminal'>
type Form = { readonly json?: true }

const path = '/v1/admin/reruns'

/** All pages of them, newest first. */
export async function listReruns({ api, terminal }: Context, options: Form & { readonly open?: true }): Promise<0> {
  const found: RerunSummary[] = []
  const query = new URLSearchParams(options.open === true ? { state: 'open' } : {})
  for (let isMore = true; isMore; ) {
    const page = answerOf<{ reruns: readonly RerunSummary[]; next?: number }>(await api.get(`${path}?${query}`))
    found.push(...page.reruns)
    isMore = page.next !== undefined
    query.set('before', String(page.next))
  }
  if (options.json === true) {
    terminal.out(JSON.stringify({ reruns: found }))
    return 0
  }
  const rows = found.map((rerun) => [
    String(rerun.id),
    rerun.pipeline,
    stateText(rerun.state),
    rerun.sinks.join(' '),
    rerun.merchant ?? 'all, or several',
    rerun.by,
    String(rerun.generation),
    daysText(rerun),
    rerun.movedAt,
  ])
  const header = ['id', 'of', 'state', 'sinks', 'merchant', 'by', 'generation', 'days', 'in this state since']
  for (const line of tableLines(header, rows, { textColumns: 6, width: Math.max(terminal.width, 200) }))
    terminal.out(line)
  return 0
}

export async function showOne({ api, terminal }: Context, id: number, { json }: Form): Promise<0> {
  const rerun = answerOf<RerunView>(await api.get(`${path}/${id}`))
  if (json === true) terminal.out(JSON.stringify(rerun))
  else showRerun(rerun, terminal)
  return 0
}

/** 1 where there is nothing to compare yet. */
export async function diffOne({ api, terminal }: Context, id: number, { json }: Form): Promise<0 | 1> {
  const rerun = answerOf<RerunView>(await api.get(`${path}/${id}`))
  if (json === true) terminal.out(JSON.stringify({ diff: rerun.diff }))
  else if (rerun.diff === null && rerun.noDiff === null) {
    terminal.out(`${titleOf(rerun)}; old and new numbers are compared when it is ready`)
  } else for (const line of differenceLines(rerun, terminal.width)) terminal.out(line)
  return rerun.diff === null ? 1 : 0
}

const done: Readonly<Record<RerunVerb, (id: number) => string>> = {
  promote: (id) =>
    `Rerun ${id} answers from now on. What answered before goes on being made, so this can be taken back.`,
  rollback: (id) => `What answered before rerun ${id} answers again. Its own numbers go on being made.`,
  release: (id) => `Rerun ${id} is there for good. What it replaces is made no more, and maintenance removes it.`,
  pause: (id) => `Rerun ${id} rests.`,
  resume: (id) => `Rerun ${id} goes on.`,
  cancel: (id) => `Rerun ${id} is given up. Maintenance removes what it has made; nobody reads it.`,
}

export async function moveOne(
  { api, terminal }: Context,
  verb: RerunVerb,
  id: number,
  { json, by, note }: Form & { readonly by: string; readonly note?: string },
): Promise<0> {
  const body = { by, ...(note !== undefined && { note }) }
  const rerun = answerOf<RerunView>(await api.post(`${path}/${id}/${verb}`, body, 'once'))
  if (json === true) terminal.out(JSON.stringify(rerun))
  else for (const line of [done[verb](id), ...nextLines(rerun)]) terminal.out(line)
  return 0
}
