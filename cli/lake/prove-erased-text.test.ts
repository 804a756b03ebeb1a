import { expect, it } from 'vitest'
import type { MerchantId } from '../../core/ids.ts'
import type { Find, Proof } from '../../lakehouse/core/erasure-proof/report.ts'
import { printedFindsMax, proofLines } from './prove-erased-text.ts'

const question = {
  ...({ merchant: 'shop' as MerchantId, subject: { kind: 'user', value: 'ada' }, visitorHash: null } as const),
  through: Date.parse('2026-03-01T10:00:00Z'),
}
const nothing: Proof = {
  places: [{ kind: 'data file', objects: 3, bytes: 2_048 }],
  ...{ finds: [], allowed: [], unread: [], notes: ['A note.'] },
}
const find = (n: number): Find => ({ kind: 'data file', object: `f-${n}`, where: 'column user', mend: 'wait' })

it('a proof says whom it is about, in what it looked, and at the end what follows', () => {
  expect(proofLines(question, nothing, 'proven')).toEqual([
    'user ada of shop, received until 2026-03-01T10:00:00.000Z',
    '✓ data file: 3 (2.0 KB)',
    '· A note.',
    'PROVEN: nothing of it is left',
  ])
})

it('a find has its place and how to mend it; what was not read has its reason', () => {
  const unread = [{ object: 'x', why: 'damaged' }]
  const lines = proofLines(question, { ...nothing, finds: [find(1)], unread }, 'found')
  expect(lines.slice(1, 5)).toEqual([
    '✗ data file: 3 (2.0 KB), 1 finds',
    '✗ data file f-1: column user',
    '    wait',
    '? x: not read: damaged',
  ])
  expect(lines.at(-1)).toBe('FOUND: not all of it is gone')
})

it(`more than ${printedFindsMax} finds are counted`, () => {
  const finds = (count: number) => ({ ...nothing, finds: Array.from({ length: count }, (_, n) => find(n)) })
  const linesOf = (count: number) => proofLines(question, finds(count), 'found').join('\n')
  expect(linesOf(printedFindsMax)).not.toContain('more finds')
  expect(linesOf(printedFindsMax + 1)).toContain('and 1 more finds; --json has all')
})
