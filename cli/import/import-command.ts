/** `hitlake import --access-log FILE[.gz]`: brings a web server's log in, each line once, however often it is repeated. */

import { CommandError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { Connection } from '../client/connect.ts'
import { ensureMerchant } from '../client/ensure-merchant.ts'
import { createProgress } from '../client/progress.ts'
import type { Terminal } from '../client/terminal.ts'
import { type BadLine, logStretches, surveyLog } from './access-log.ts'
import { linesDone, sendLines } from './send-lines.ts'

export interface ImportOptions {
  readonly accessLog: string
  readonly merchant: string
  readonly timeZone: string
  readonly currency: string
  readonly json?: true
}

/** Of unreadable and refused lines this many are listed; all are counted. */
export const listedLines = 100

/** @throws CommandError; where lines were refused the report says so and the exit code is 1 */
export async function importLog(
  connection: Connection,
  options: ImportOptions,
  io: { readonly terminal: Terminal; readonly clock: Pick<Clock, 'monotonic'> },
): Promise<'done' | 'refused lines'> {
  const { api } = connection
  const { terminal, clock } = io
  const path = options.accessLog
  const log = await surveyLog(path).catch((cause: Error) => {
    throw new CommandError(`${path} cannot be read: ${cause.message}`, { cause })
  })
  const { id } = await ensureMerchant(api, {
    id: options.merchant,
    name: options.merchant,
    timeZone: options.timeZone,
    currency: options.currency,
  })
  const target = { api, merchant: id, file: log.hash }
  const before = await linesDone(target)
  const bad: BadLine[] = []
  const progress = createProgress({ out: terminal.progress, clock, what: 'lines', total: log.lines, before })
  const sent = await sendLines(
    target,
    logStretches(path, before, (line) => bad.push(line)),
    (done) => progress.at(done),
  )
  progress.end()

  const report = {
    file: path,
    merchant: id,
    lines: log.lines,
    doneBefore: before,
    accepted: sent.accepted,
    refused: sent.rejected.map(({ line, code, message }) => ({ line: line + 1, code, message })),
    unreadable: bad.map(({ number, reason, text }) => ({ line: number, reason, text })),
  }
  if (options.json === true) terminal.out(JSON.stringify(report))
  else for (const line of reportLines(report)) terminal.out(line)
  return report.refused.length > 0 ? 'refused lines' : 'done'
}

function reportLines(report: {
  readonly merchant: string
  readonly lines: number
  readonly doneBefore: number
  readonly accepted: number
  readonly refused: readonly { readonly line: number; readonly code: string; readonly message: string }[]
  readonly unreadable: readonly { readonly line: number; readonly reason: string; readonly text: string }[]
}): string[] {
  const { merchant, lines, doneBefore, accepted, refused, unreadable } = report
  const before = doneBefore === 0 ? '' : `; ${doneBefore.toLocaleString('en')} lines were done before`
  const told = [
    `${accepted.toLocaleString('en')} of ${lines.toLocaleString('en')} lines stored for ${merchant}${before}`,
    `${unreadable.length} not readable, ${refused.length} refused`,
    ...unreadable.slice(0, listedLines).map(({ line, reason, text }) => `  line ${line}: ${reason}: ${text}`),
    ...refused.slice(0, listedLines).map(({ line, code, message }) => `  line ${line}: ${code}: ${message}`),
  ]
  return told
}
