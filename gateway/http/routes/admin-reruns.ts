/** `/v1/admin/reruns`: make a pipeline's past anew, look how far that is, and let it answer, or not. Needs an admin key. */
import type { FastifyPluginCallback } from 'fastify'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { Rerun } from '../../../core/ports/rerun-store.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { type Fault, faultyRequest } from '../../core/problem.ts'
import { parseNewRerun, rerunVerbRequest, rerunVerbs } from '../../core/rerun-requests.ts'
import {
  moveRerun,
  planRerun,
  type RerunRequestsParts,
  recordRerun,
  rerunInTheWay,
  unknownRerun,
} from '../../core/rerun-verbs.ts'
import { estimateView, rerunSummary, rerunView } from '../../core/rerun-view.ts'
import { parseTableRequest as parseBody } from '../../core/table-requests.ts'
import { adminBodyMaxBytes, requireAdmin } from './admin-access.ts'
import { queryOf } from './query-parameters.ts'

/** Reruns on one page. */
export const rerunsPerPage = 100

export interface AdminRerunsOptions {
  readonly store: RerunRequestsParts['store'] & Pick<ControlStore, 'splitsDone' | 'writing'>
  readonly keys: KeyDirectory
  readonly planner: RerunRequestsParts['planner']
  readonly clock: RerunRequestsParts['clock']
  readonly freshness: RerunRequestsParts['freshness']
  /**
   * A rerun was recorded or moved: the driver, where it is near, and what follows the generation map in this process need
   * not find out by themselves. Waited for: whoever was answered that another generation answers finds it so here.
   */
  readonly onChanged?: () => Promise<void>
}

interface Route {
  Params: { id: string }
}

export const adminRerunsRoutes: FastifyPluginCallback<AdminRerunsOptions> = (app, options, done) => {
  const { store, keys, clock, onChanged } = options
  requireAdmin(app, keys)
  const limits = { bodyLimit: adminBodyMaxBytes }

  async function view(rerun: Rerun) {
    const [splits, writing] = await Promise.all([store.splitsDone(rerun.id), store.writing(rerun.request.pipeline)])
    return rerunView(rerun, { done: splits, writing, now: clock.now() })
  }

  app.post('/v1/admin/reruns', limits, async ({ body }, reply) => {
    const { question, dryRun } = parseNewRerun(body)
    const planned = await planRerun(options, question)
    const plan = estimateView(planned.estimate)
    if (dryRun) {
      reply.code(200)
      return { plan, inTheWay: await rerunInTheWay(options, planned) }
    }
    const { id, state, generation } = await recordRerun(options, planned)
    await onChanged?.()
    reply.code(202).header('location', `/v1/admin/reruns/${id}`)
    return { id, state, plan: { ...plan, generation } }
  })

  app.get('/v1/admin/reruns', async (request) => {
    const page = pageOf(queryOf(request, ['state', 'before']))
    // One more than a page tells whether there is another.
    const found = await store.reruns({ ...page, limit: rerunsPerPage + 1 })
    const reruns = found.slice(0, rerunsPerPage)
    const last = found.length > rerunsPerPage ? reruns.at(-1) : undefined
    return { reruns: reruns.map(rerunSummary), ...(last && { next: last.id }) }
  })

  app.get<Route>('/v1/admin/reruns/:id', async ({ params }) => {
    const id = wholeNumber(params.id)
    const rerun = id === undefined ? undefined : await store.rerun(id)
    if (rerun === undefined) throw unknownRerun(params.id)
    return view(rerun)
  })

  for (const verb of rerunVerbs) {
    app.post<Route>(`/v1/admin/reruns/:id/${verb}`, limits, async ({ params, body }) => {
      const asked = parseBody(rerunVerbRequest, body ?? {})
      const id = wholeNumber(params.id)
      if (id === undefined) throw unknownRerun(params.id)
      const moved = await moveRerun(options, id, verb, asked)
      await onChanged?.()
      return view(moved)
    })
  }
  done()
}

type Page = Omit<Parameters<ControlStore['reruns']>[0], 'limit'>

/** @throws ProblemError 400 `bad_query` */
function pageOf({ state, before }: Partial<Record<'state' | 'before', string>>): Page {
  const faults: Fault[] = []
  const fault = (pointer: string, message: string) => faults.push({ pointer, code: 'bad_query', message })
  if (state !== undefined && state !== 'open') fault('/state', 'state must be open, or left out')
  const number = before === undefined ? undefined : wholeNumber(before)
  if (before !== undefined && number === undefined) fault('/before', 'before must be the number of a rerun')
  if (faults.length > 0) throw faultyRequest(faults)
  return { ...(state !== undefined && { open: true }), ...(number !== undefined && { before: number }) }
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
