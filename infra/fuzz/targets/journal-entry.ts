/** Objects of the journal. Promise: an entry of the kind that was asked for, as it was written, or a gap that is told. */
import { isDeepStrictEqual } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { memoryObjectStore } from '../../../core/adapters/memory/memory-object-store.ts'
import { JournalGapError } from '../../../core/errors.ts'
import type { MerchantId, Offset } from '../../../core/ids.ts'
import { readEntry } from '../../../lakehouse/core/journal/entries.ts'
import { createJournal } from '../../../lakehouse/core/journal/journal.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateJson } from '../mutate-json.ts'
import { type FuzzTarget, promised, stateless } from '../target.ts'

const kinds = ['epoch', 'accepted', 'directory', 'retired', 'begun', 'finished', 'rewritten', 'taken', 'mark'] as const
const words = { values: kinds.map((kind) => JSON.stringify(kind)), keys: ['version', 'kind', 'stamp', 'args', 'call'] }

export const journalEntry: FuzzTarget = {
  name: 'journal-entry',
  form: 'bytes',
  examples: async () => {
    const objects = memoryObjectStore()
    const journal = createJournal({ objects, owner: 'w-1', clock: new ManualClock() })
    const at = (value: number) => value as Offset
    await journal.accepted('log-1', at(0), at(9), [{ merchant: 'shop' as MerchantId, hour: 490_000, hits: 9 }] as never)
    await journal.directory({
      call: 'pinSnapshot',
      args: [{ table: 'hits', snapshot: '1', name: 'audit', until: 9e12, by: 'me' }],
    })
    await journal.finished('hits', 4, '8123456789012345678')
    await journal.taken('hits', 3, 'log', [0, 1, 2])
    await journal.lease('publish-hits', 12)
    const names = await objects.list('')
    const bodies = await Promise.all(names.map((name) => objects.get(name)))
    await objects.cleanup()
    return Object.fromEntries(names.map((name, i) => [name.split('/').slice(1, 3).join('-'), bodies[i] as Buffer]))
  },
  mutate(draw, corpus) {
    const input = draw.of(corpus)
    if (draw.oneIn(3)) return mutateBytes(draw, input, draw.of(corpus))
    return gzipSync(
      mutateJson(
        draw,
        corpus.map((each) => plainOf(each) ?? Buffer.from('{}')),
        words,
      ),
    )
  },
  open: stateless(async (input) => {
    const plain = plainOf(input)
    let isAccepted = false
    for (const kind of kinds) {
      try {
        const found = await readEntry({ get: async () => input }, 'journal/x', kind)
        promised(found?.kind === kind, () => `asked for ${kind}, and ${found?.kind} came`)
        promised(isDeepStrictEqual(found, JSON.parse(String(plain))), () => 'an entry is not what was written')
        isAccepted = true
      } catch (error) {
        if (!(error instanceof JournalGapError)) throw error
      }
    }
    return isAccepted ? 'accepted' : 'refused'
  }),
}

function plainOf(packed: Buffer): Buffer | undefined {
  try {
    return gunzipSync(packed, { maxOutputLength: 16 * 1024 * 1024 })
  } catch {
    return undefined
  }
}
