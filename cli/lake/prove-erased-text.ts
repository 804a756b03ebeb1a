/** A proof of erasure in words: a line a kind of place, a paragraph a find, and the verdict at the end. */
import type { ErasedQuestion } from '../../lakehouse/core/erasure-proof/question.ts'
import type { Proof, Verdict } from '../../lakehouse/core/erasure-proof/report.ts'
import { bytesText } from './lake-text.ts'

/** Finds and unread objects printed one by one; the JSON has all of them. */
export const printedFindsMax = 100

const verdicts: Readonly<Record<Verdict, string>> = {
  proven: 'PROVEN: nothing of it is left',
  found: 'FOUND: not all of it is gone',
  'not all read': 'NOT PROVEN: nothing was found, but not everything could be read',
}

export function subjectText({ merchant, subject }: Pick<ErasedQuestion, 'merchant' | 'subject'>): string {
  return subject.kind === 'merchant' ? `all of ${merchant}` : `${subject.kind} ${subject.value} of ${merchant}`
}

export function proofLines(question: ErasedQuestion, proof: Proof, verdict: Verdict): readonly string[] {
  const { places, finds, allowed, unread, notes } = proof
  const lines = [`${subjectText(question)}, received until ${new Date(question.through).toISOString()}`]
  for (const { kind, objects, bytes } of places) {
    const found = finds.filter((find) => find.kind === kind).length
    const what = kind === 'control store' ? `${objects} tables` : `${objects}`
    lines.push(
      `${found === 0 ? '✓' : '✗'} ${kind}: ${what} (${bytesText(bytes)})${found === 0 ? '' : `, ${found} finds`}`,
    )
  }
  for (const { kind, object, where, mend } of finds.slice(0, printedFindsMax)) {
    lines.push(`✗ ${kind} ${object}: ${where}`, `    ${mend}`)
  }
  if (finds.length > printedFindsMax) lines.push(`  and ${finds.length - printedFindsMax} more finds; --json has all`)
  for (const { object, why } of unread.slice(0, printedFindsMax)) lines.push(`? ${object}: not read: ${why}`)
  if (unread.length > printedFindsMax) lines.push(`  and ${unread.length - printedFindsMax} more that were not read`)
  for (const { object, where } of allowed) lines.push(`· ${object}: ${where}: the erasure itself, which has to name it`)
  for (const note of notes) lines.push(`· ${note}`)
  lines.push(verdicts[verdict])
  return lines
}
