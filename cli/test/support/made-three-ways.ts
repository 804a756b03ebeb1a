/**
 * Hits that a server of its own took in as a stream, made again by operators over a snapshot, and their hours by SQL as well:
 * rows of each generation, to be compared.
 */
import { type GenerationRows, generationRows } from './generation-rows.ts'
import { eventually, runCommand, start, temporaryFolder } from './server.ts'

export interface MadeThreeWays {
  /** 1: the stream. 2: operators. */
  readonly hits: ReadonlyMap<number, GenerationRows>
  /** 1: the stream. 2: operators. 3: SQL. */
  readonly hourly: ReadonlyMap<number, GenerationRows>
  /** Metrics and breakdowns in which the server itself found a difference between a generation and the stream's. */
  readonly differences: number
}

interface RerunReply {
  readonly id: number
  readonly diff: { readonly total: readonly { readonly changed: number }[] }
}

/** `send` is a command of the CLI that stores at least `rows` hits. @throws Error where a command fails or compares nothing */
export async function madeThreeWays(
  send: readonly string[],
  { rows, env = {} }: { readonly rows: number; readonly env?: Readonly<Record<string, string>> },
): Promise<MadeThreeWays> {
  const folder = temporaryFolder()
  let life = await start(folder.path, { HITLAKE_EPOCH: '200ms', HITLAKE_PUBLISH_EVERY: '1s', ...env })
  const run = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await runCommand(args, { HITLAKE_URL: life.url, HITLAKE_DATA_DIR: folder.path })
      .ended
    if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}${stdout}\nserver: ${life.stderr().slice(-4_000)}`)
    return stdout
  }
  /** Until it is ready; its rows are there until it is cancelled. */
  const rerun = async (options: readonly string[]): Promise<RerunReply> => {
    const text = await run(['rerun', 'hits', '--snapshot', 'latest', '--yes', '--json', ...options])
    const reply: RerunReply = JSON.parse(text)
    if (reply.diff.total.length === 0) throw new Error(`rerun ${reply.id} compared nothing`)
    return reply
  }
  const rowsOf = async (table: 'hits' | 'hourly') => {
    await life.end('SIGTERM')
    return generationRows(folder.path, table)
  }
  const differing = ({ diff }: RerunReply) => diff.total.filter(({ changed }) => changed > 0).length
  try {
    await run(send)
    await eventually(
      () => run(['lake', 'snapshots', 'hits', '--json']),
      (text) => JSON.parse(text).snapshots[0]?.rows >= rows,
      600_000,
    )
    const byOperators = await rerun(['--via', 'stream'])
    const hits = await rowsOf('hits')
    const hourly = new Map(await rowsOf('hourly'))
    life = await start(folder.path, env)
    await run(['rerun', 'cancel', String(byOperators.id), '--json'])
    const bySql = await rerun(['--sink', 'hourly', '--via', 'sql'])
    for (const [generation, made] of await rowsOf('hourly')) {
      if (generation !== 2) hourly.set(generation, made)
    }
    return { hits, hourly, differences: differing(byOperators) + differing(bySql) }
  } finally {
    await life.end('SIGKILL')
    folder.remove()
  }
}
