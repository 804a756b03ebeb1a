/**
 * Proof of erasure: looks into every object there is for what was to go, decoded as its kind asks, and says of each place
 * what it found. Reads only. What cannot be read is said, never passed over: then nothing is proven.
 */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { decodeCheckpoint } from '../../../schemas/avro/checkpoint.ts'
import { createNamedFiles } from './named-files.ts'
import { isHits, isParquet, kindOf, mends } from './places.ts'
import type { ParquetSearch, ParquetSearched, RecordSearch, SearchedFiles } from './ports.ts'
import { createNeedle, type ErasedQuestion, wordMinBytes } from './question.ts'
import { type Find, type PlaceKind, type PlaceLine, type Proof, placeKinds, type Unread } from './report.ts'
import { searchSegment } from './search-log.ts'
import { type MetadataFind, searchAvro, searchTableMetadata } from './search-metadata.ts'

/** Largest object that is decoded in memory; of the kinds that are, larger ones are not ours. */
export const decodedMaxBytes = 128 * 1_048_576
/** Read at once of objects that are searched as bytes. */
export const pieceBytes = 4 * 1_048_576
/** How often what appeared meanwhile is searched too, while a server goes on writing. */
export const listRoundsMax = 10

export interface ProofParts {
  readonly files: SearchedFiles
  readonly parquet: ParquetSearch
  /** The control store. */
  readonly records: RecordSearch
  readonly question: ErasedQuestion
  /** Objects of the control store itself: they are searched as `records`. */
  readonly isControlStore: (object: string) => boolean
  readonly onProgress?: (done: number, of: number, object: string) => void
}

export async function proveErased(parts: ProofParts): Promise<Proof> {
  return new Prover(parts).prove()
}

class Prover {
  private readonly needle
  private readonly named = createNamedFiles()
  private readonly places = new Map<PlaceKind, { objects: number; bytes: number }>()
  private readonly finds: Omit<Find, 'mend'>[] = []
  private readonly allowed: Omit<Find, 'mend'>[] = []
  private readonly unread: Unread[] = []
  private readonly laterHours = new Set<number>()
  /** By the last part of their names. */
  private readonly parquet = new Map<string, (ParquetSearched & { readonly object: string })[]>()
  private readonly metadataFinds: (MetadataFind & { readonly object: string; readonly kind: PlaceKind })[] = []

  constructor(private readonly parts: ProofParts) {
    this.needle = createNeedle(parts.question)
  }

  async prove(): Promise<Proof> {
    const { files, isControlStore } = this.parts
    const searched = new Set<string>()
    for (let round = 0; ; round++) {
      const fresh = (await files.list()).filter((name) => !searched.has(name) && !isControlStore(name))
      if (fresh.length === 0) break
      if (round === listRoundsMax) {
        for (const object of fresh) this.unread.push({ object, why: 'it appeared during the search; search again' })
        break
      }
      for (const name of fresh) searched.add(name)
      await this.searchAll(fresh)
    }
    for (const find of this.metadataFinds) {
      const { object, kind, where } = find
      if (!(await this.isExplained(find))) this.finds.push({ object, kind, where })
    }
    await this.searchRecords()
    return {
      places: placeKinds.flatMap((kind): PlaceLine[] => {
        const counted = this.places.get(kind)
        return counted === undefined ? [] : [{ kind, ...counted }]
      }),
      finds: this.finds.map((find) => ({ ...find, mend: mends[find.kind] ?? this.named.mend(find.object) })),
      allowed: this.allowed,
      unread: this.unread,
      notes: this.notes(),
    }
  }

  /** Hits first: they tell which hours have rows that may stay. */
  private async searchAll(objects: readonly string[]): Promise<void> {
    const { parquet, question, onProgress } = this.parts
    for (const object of objects.filter(isHits)) {
      await this.guarded(object, async () => {
        const hours = await this.withLocal(object, (path) => parquet.laterHours(path, question))
        for (const hour of hours) this.laterHours.add(hour)
      })
    }
    for (const [at, object] of objects.entries()) {
      onProgress?.(at, objects.length, object)
      await this.guarded(object, async (bytes) => {
        const kind = kindOf(object)
        if (!this.unread.some((each) => each.object === object)) await this.searchOne(object, kind, bytes)
        const counted = this.places.get(kind) ?? { objects: 0, bytes: 0 }
        this.places.set(kind, { objects: counted.objects + 1, bytes: counted.bytes + bytes })
      })
    }
  }

  /** What fails is unread, unless the object is gone meanwhile: what it held is then in another, which is found by name. */
  private async guarded(object: string, work: (bytes: number) => Promise<void>): Promise<void> {
    const { files } = this.parts
    const bytes = await files.size(object)
    if (bytes === undefined) return
    try {
      await work(bytes)
    } catch (error) {
      if ((await files.size(object)) === undefined) return
      this.unread.push({
        object,
        why: error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error),
      })
    }
  }

  private async searchOne(object: string, kind: PlaceKind, bytes: number): Promise<void> {
    const { needle, named } = this
    const found = (where: string) => this.finds.push({ kind, object, where })
    if (isParquet(object)) return this.searchParquet(object, kind)
    switch (kind) {
      case 'table metadata':
        for (const find of searchTableMetadata(object, await this.whole(object, bytes), { needle, named })) {
          this.metadataFinds.push({ ...find, object, kind })
        }
        return
      case 'manifest list':
      case 'manifest':
        for (const find of searchAvro(object, await this.whole(object, bytes), { needle, named })) {
          this.metadataFinds.push({ ...find, object, kind })
        }
        return
      case 'log segment': {
        const { records, damage } = searchSegment(await this.whole(object, bytes), { ...this.parts, needle })
        for (const { offset, byte } of records) found(`record ${offset}, at byte ${byte}`)
        if (damage !== null) throw new RangeError(`${damage.why}, at byte ${damage.byte}`)
        return
      }
      case 'checkpoint': {
        const whole = await this.whole(object, bytes)
        decodeCheckpoint(object, whole)
        if (needle.inBytes(whole) >= 0) found(`its state, at byte ${needle.inBytes(whole)}`)
        return
      }
      case 'journal entry': {
        const packed = await this.whole(object, bytes)
        const text = (await promisify(gunzip)(packed, { maxOutputLength: decodedMaxBytes })).toString('utf8')
        if (!needle.inText(text)) return
        const { call } = JSON.parse(text) as { readonly call?: unknown }
        const entry = { kind, object, where: `an entry of ${String(call ?? 'a commit')}` }
        if (call === 'eraseHits') this.allowed.push(entry)
        else this.finds.push(entry)
        return
      }
      default: {
        const at = await this.findBytes(object, bytes)
        if (at >= 0) found(`byte ${at}`)
      }
    }
  }

  private async searchParquet(object: string, kind: PlaceKind): Promise<void> {
    const { parquet, question } = this.parts
    const { needle, laterHours } = this
    const searched = await this.withLocal(object, (path) => parquet.search(path, { question, needle, laterHours }))
    const lastPart = object.slice(object.lastIndexOf('/') + 1)
    this.parquet.set(lastPart, [...(this.parquet.get(lastPart) ?? []), { ...searched, object }])
    for (const { where, rows } of searched.finds) {
      this.finds.push({ kind, object, where: rows === 0 ? where : `${where}, ${rows} rows` })
    }
    // Bytes that no row and no footer accounts for.
    if (searched.finds.length > 0 || searched.explainedRows > 0) return
    const at = await this.findBytes(object, (await this.parts.files.size(object)) ?? 0)
    if (at >= 0) this.finds.push({ kind, object, where: `byte ${at}, in no row` })
  }

  /**
   * A bound speaks of a file: rows in it that may stay explain it. So do others that begin alike, of a bound that was cut; and
   * of a merchant's id any text that is the same.
   */
  private async isExplained({ how, bound, dataFile }: MetadataFind): Promise<boolean> {
    const { value } = this.needle
    const file = bound === null || dataFile === null ? undefined : this.fileOf(dataFile)
    if (bound === null || file === undefined) return false
    if (file.explainedRows > 0) return true
    if (how === 'exact' && value !== null) return false
    // The raised end of a cut upper bound is in no value.
    const of = value ?? this.parts.question.merchant
    const prefix = how === 'exact' ? of : sharedPrefix(bound.toString('utf8'), of)
    const { parquet } = this.parts
    return this.withLocal(file.object, (path) => parquet.hasOtherValue(path, prefix, value ?? '')).catch(() => false)
  }

  /** The searched file that a URI of metadata means; by its last part where the table was moved. */
  private fileOf(uri: string): (ParquetSearched & { readonly object: string }) | undefined {
    const lastPart = (name: string) => name.slice(name.lastIndexOf('/') + 1)
    const alike = this.parquet.get(lastPart(uri)) ?? []
    return (
      alike.find(({ object }) => uri === object || uri.endsWith(`/${object}`)) ??
      (alike.length === 1 ? alike[0] : undefined)
    )
  }

  private async searchRecords(): Promise<void> {
    const { question } = this.parts
    try {
      const { name, tables, bytes, finds } = await this.parts.records.search(this.needle)
      this.places.set('control store', { objects: tables, bytes })
      for (const { table, column, rows } of finds) {
        const place = { kind: 'control store', object: name, where: `${table}.${column}, ${rows} rows` } as const
        if (table === 'erasures' && question.subject.kind !== 'merchant') this.allowed.push(place)
        else this.finds.push(place)
      }
    } catch (error) {
      this.unread.push({ object: 'control store', why: error instanceof Error ? error.message : String(error) })
    }
  }

  /** @throws RangeError where it is larger than anything of its kind */
  private async whole(object: string, bytes: number): Promise<Buffer> {
    if (bytes > decodedMaxBytes) throw new RangeError(`it has ${bytes} bytes, at most ${decodedMaxBytes} are decoded`)
    const read = await this.parts.files.getRange(object, 0, bytes)
    if (read === undefined) throw new RangeError('it is gone')
    return read
  }

  private async findBytes(object: string, bytes: number): Promise<number> {
    if (!this.needle.looksIntoBytes) return -1
    // Pieces overlap by more than any form of the value is long.
    const overlap = Math.max(...this.needle.words.map((word) => Buffer.byteLength(word)))
    for (let at = 0; at < bytes; at += pieceBytes) {
      const piece = await this.parts.files.getRange(object, at, pieceBytes + overlap)
      if (piece === undefined) throw new RangeError('it is gone')
      const found = this.needle.inBytes(piece)
      if (found >= 0) return at + found
    }
    return -1
  }

  private async withLocal<T>(object: string, work: (path: string) => Promise<T>): Promise<T> {
    const { files } = this.parts
    const path = await files.localPath(object)
    try {
      return await work(path)
    } finally {
      await files.forgetLocal(object)
    }
  }

  private notes(): readonly string[] {
    const { subject, visitorHash } = this.parts.question
    const notes = [
      'The state of dedupe holds keyed 64-bit fingerprints of hit ids: they cannot be turned back, and are dropped 24 hours after receipt.',
    ]
    if (subject.kind !== 'visitor') {
      notes.push('Sketches of visitors hold hashes of visitors: they are searched where a visitor was erased.')
    } else if (visitorHash === null) {
      notes.push('There is no such merchant any more, and no seed: hashes of its visitors belong to nobody.')
    }
    if (subject.kind === 'merchant') {
      notes.push('Settings, keys and counts of the merchant stay: they are no hits.')
      notes.push('The journal of a cluster has the seed of its visitor hashes of before until its entries are dropped.')
    } else if (!this.needle.looksIntoBytes) {
      notes.push(
        `The value is shorter than ${wordMinBytes} bytes: it is searched as a value and as a string in JSON, not inside other texts or undecoded bytes.`,
      )
    }
    return notes
  }
}

/** By code points. */
function sharedPrefix(a: string, b: string): string {
  const [left, right] = [[...a], [...b]]
  const differs = left.findIndex((point, at) => right[at] !== point)
  return differs < 0 ? a : left.slice(0, differs).join('')
}
