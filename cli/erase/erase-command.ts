/** `hitlake erase`, `hitlake erasures`: what a visitor, a user or a whole merchant has stored goes, and how far it is. */
import { CommandError } from '../../core/errors.ts'
import type { ErasureView } from '../../gateway/core/erasure-requests.ts'
import { type Api, type ApiReply, problemText } from '../client/api.ts'
import type { Terminal } from '../client/terminal.ts'
import { tableLines } from '../query/table.ts'

export interface EraseContext {
  readonly api: Api
  readonly terminal: Terminal
  /** Asks whoever sits there; null where nobody does. */
  readonly confirm: ((question: string) => Promise<boolean>) | null
}

/** What the command line names; `all` is a whole merchant. */
export interface EraseOptions {
  readonly merchant: string
  readonly visitor?: string
  readonly user?: string
  readonly all?: true
  readonly yes?: true
  readonly by: string
  readonly json?: true
}

const path = '/v1/admin/erasures'

const whatHappensWhen = [
  'From now on: no question reads their hits and visits, and none that are under way are stored.',
  'Maintenance, which goes round every ten minutes, then counts hourly and daily numbers again without them (of today',
  'when the day is over in UTC), and takes their rows out of every file and snapshot; pins do not keep them.',
]

/** Records the erasure. 1 where whoever was asked said no. @throws CommandError with what to mend */
export async function eraseHits({ api, terminal, confirm }: EraseContext, options: EraseOptions): Promise<0 | 1> {
  const { merchant, by } = options
  const whose = whoseOf(options)
  const name = nameOf({ merchant, ...whose })
  if (options.yes !== true) {
    if (confirm === null) throw new CommandError(`this erases ${name} for good; add --yes to say that it is meant`)
    if (!(await confirm(`Erase ${name}, received until now, for good?`))) {
      terminal.out('nothing was erased')
      return 1
    }
  }
  const erasure = bodyOf<ErasureView>(await api.post(path, { merchant, ...whose, by }, 'repeatable'))
  if (options.json === true) terminal.out(JSON.stringify(erasure))
  else {
    terminal.out(`Erasure ${erasure.id}: ${name}, received until ${erasure.through}.`)
    for (const line of whatHappensWhen) terminal.out(line)
    terminal.out(`How far it is: hitlake erasures. That it is done: hitlake lake prove-erased --erasure ${erasure.id}`)
  }
  return 0
}

/** Lists erasures, oldest first, all pages of them. */
export async function listErasures(
  { api, terminal }: Pick<EraseContext, 'api' | 'terminal'>,
  options: { readonly merchant?: string; readonly open?: true; readonly json?: true },
): Promise<0> {
  const found: ErasureView[] = []
  const query = new URLSearchParams()
  if (options.merchant !== undefined) query.set('merchant', options.merchant)
  if (options.open === true) query.set('state', 'open')
  for (let next: number | undefined = 0; next !== undefined; ) {
    query.set('after', String(next))
    const page: Page = bodyOf<Page>(await api.get(`${path}?${query}`))
    found.push(...page.erasures)
    next = page.next
  }
  if (options.json === true) {
    terminal.out(JSON.stringify({ erasures: found }))
    return 0
  }
  const rows = found.map((each) => [String(each.id), nameOf(each), each.state, each.through, each.movedAt, each.by])
  const header = ['id', 'of', 'state', 'received until', 'in this state since', 'by']
  for (const line of tableLines(header, rows, { textColumns: 6, width: terminal.width })) terminal.out(line)
  return 0
}

/** @throws CommandError where nobody, or more than one, is named */
export function whoseOf(options: Pick<EraseOptions, 'visitor' | 'user' | 'all'>): Whose {
  const { visitor, user, all } = options
  const named = [visitor !== undefined && { visitor }, user !== undefined && { user }, all && { all }]
  const [one, ...more] = named.filter((each) => each !== false && each !== undefined)
  if (one === undefined || more.length > 0) throw new CommandError('name one of --visitor, --user and --all')
  return one
}

type Whose = { readonly visitor: string } | { readonly user: string } | { readonly all: true }

interface Page {
  readonly erasures: readonly ErasureView[]
  readonly next?: number
}

function nameOf(of: { readonly merchant: string; readonly visitor?: string; readonly user?: string }): string {
  if (of.visitor !== undefined) return `visitor ${of.visitor} of ${of.merchant}`
  return of.user === undefined ? `all of ${of.merchant}` : `user ${of.user} of ${of.merchant}`
}

function bodyOf<T>(reply: ApiReply): T {
  if (reply.status >= 300) throw new CommandError(problemText(reply))
  return reply.body as T
}
