/** `hitlake adopt`: from the next epoch on a server processes hits by the plan of its release. */
import { CommandError } from '../../core/errors.ts'
import type { PipelineSummary } from '../../gateway/http/routes/admin-pipelines.ts'
import { type Api, type ApiReply, problemText } from '../client/api.ts'
import type { Terminal } from '../client/terminal.ts'

export interface AdoptContext {
  readonly api: Pick<Api, 'get' | 'post'>
  readonly terminal: Pick<Terminal, 'out'>
  /** Asks whoever sits there; null where nobody does. */
  readonly confirm: ((question: string) => Promise<boolean>) | null
}

export interface AdoptOptions {
  readonly yes?: true
  readonly json?: true
}

/** 1 where whoever was asked said no. @throws CommandError with what to mend */
export async function adoptPlan(
  { api, terminal, confirm }: AdoptContext,
  name: string,
  options: AdoptOptions,
): Promise<0 | 1> {
  const path = `/v1/admin/pipelines/${encodeURIComponent(name)}`
  const say = (line: string) => options.json !== true && terminal.out(line)
  const { live, release, waits } = bodyOf(await api.get(path))
  if (waits) {
    for (const line of whatItMeans(name, live, release)) say(line)
    if (options.yes !== true) {
      if (confirm === null)
        throw new CommandError(`numbers of '${name}' change from now on; add --yes to say that it is meant`)
      if (!(await confirm(`Process '${name}' by plan ${release} from now on?`))) {
        terminal.out('nothing was changed')
        return 1
      }
    }
  }
  const after = bodyOf(await api.post(`${path}/adopt`, {}, 'repeatable'))
  if (options.json === true) terminal.out(JSON.stringify(after))
  else if (waits) terminal.out(`Plan ${after.live} of '${name}' is live from the next epoch on.`)
  else terminal.out(`Plan ${after.live} of '${name}', this release's, is live already.`)
  return 0
}

function whatItMeans(name: string, live: string, release: string): readonly string[] {
  return [
    `'${name}' runs by plan ${live}; plan ${release}, of the server's release, would make other numbers, and waits.`,
    `Adopted, it processes hits from now on. Rows of the past stay as they were made, so numbers of before and after do`,
    `not compare where the plans differ: \`hitlake diff ${name}\` says where. The way back is \`hitlake adopt\` by a server of`,
    `the release before. \`hitlake rerun ${name} --snapshot latest\` brings the plan in for the past too, and rolls back.`,
  ]
}

function bodyOf(reply: ApiReply): PipelineSummary {
  if (reply.status >= 300) throw new CommandError(problemText(reply))
  return reply.body as PipelineSummary
}
