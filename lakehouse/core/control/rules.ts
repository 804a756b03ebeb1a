/**
 * What every control store refuses before it looks at its state, so that all adapters refuse the same: arguments no
 * correct caller sends. These are RangeErrors (a bug to mend), unlike the stale and open errors of the port, which a
 * correct caller meets whenever it was overtaken.
 */
import { CommitConflictError } from '../../../core/errors.ts'
import {
  type EpochCommit,
  type FormerZone,
  formerZonesMax,
  type ImportProgress,
  type Merchant,
  type MerchantChange,
  retentionDaysMax,
  type StoredKey,
} from '../../../core/ports/control-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { DerivedUnit } from '../../../core/ports/maintenance-store.ts'

/** Most merchants one page of the directory holds. */
export const maxMerchantsPage = 10_000

/** Most units one derivation holds. */
export const maxDerivationUnits = 10_000

/** Most changed days one page holds. */
export const maxChangedDaysPage = 10_000

/** Commits after which a (merchant, day) is no longer listed by `versionsSince`. */
export const defaultMaxVersionRows = 200_000

/** @throws RangeError where the epoch contradicts itself */
export function checkEpoch(commit: EpochCommit): void {
  if (commit.partitions.length === 0) throw new RangeError(`epoch of ${commit.job} moves no partition`)
  const partitions = new Set<number>()
  for (const { partition, from, next } of commit.partitions) {
    if (partitions.has(partition)) throw new RangeError(`epoch of ${commit.job} names partition ${partition} twice`)
    partitions.add(partition)
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(next) || from < 0 || next < from) {
      throw new RangeError(`epoch of ${commit.job} moves partition ${partition} from ${from} to ${next}`)
    }
  }
  const names = new Set<string>()
  for (const { name } of commit.staged) {
    if (names.has(name)) throw new RangeError(`epoch of ${commit.job} names the staged file ${name} twice`)
    names.add(name)
  }
}

/** @throws RangeError where nothing is to be acquired, or something twice, or what is no number of a partition */
export function checkPartitions(job: string, partitions: readonly number[]): void {
  const wrong = partitions.some((partition) => !Number.isSafeInteger(partition) || partition < 0)
  if (wrong || partitions.length === 0 || new Set(partitions).size !== partitions.length) {
    throw new RangeError(`job ${job} cannot acquire the partitions [${partitions}]`)
  }
}

/** @throws RangeError where the key allows no whole number of hits a second */
export function checkKey({ hash, quota }: StoredKey): void {
  if (quota !== null && (!Number.isSafeInteger(quota) || quota < 1)) {
    throw new RangeError(`the key ${hash} has a quota of ${quota} hits a second`)
  }
}

/** @throws RangeError where a key names another merchant than the one it is created with, or is wrong by itself */
export function checkMerchant(merchant: Merchant, keys: readonly StoredKey[]): void {
  checkMerchantChange(merchant)
  for (const key of keys) {
    checkKey(key)
    if (key.merchant !== merchant.id) throw new RangeError(`a key created with ${merchant.id} names ${key.merchant}`)
  }
}

/** @throws RangeError where the retention is no number of days that can be kept, or the zone's beginning no time */
export function checkMerchantChange({ retentionDays, zone }: MerchantChange): void {
  if (zone !== undefined && (zone.timeZone === '' || !Number.isSafeInteger(zone.now))) {
    throw new RangeError(`'${zone.timeZone}' from ${zone.now} on is no zone of a merchant`)
  }
  if (retentionDays === undefined || retentionDays === null) return
  if (Number.isInteger(retentionDays) && retentionDays >= 1 && retentionDays <= retentionDaysMax) return
  throw new RangeError(`hits are kept 1 to ${retentionDaysMax} days, or null for ever, not ${retentionDays}`)
}

/** The merchant as it is after the change. @throws RangeError beyond `formerZonesMax` */
export function changedMerchant(known: Merchant, { zone, ...change }: MerchantChange): Merchant {
  const changed = { ...known, ...change }
  const { timeZone, formerZones = [] } = known
  const last = formerZones.at(-1)?.until ?? Number.NEGATIVE_INFINITY
  if (zone === undefined || zone.timeZone === timeZone || zone.now <= last) return changed
  const others = formerZones.filter((former) => former.timeZone !== timeZone)
  if (others.length === formerZonesMax) throw new RangeError(`${known.id} had ${formerZonesMax} other zones already`)
  const ended: FormerZone = { timeZone, until: zone.now }
  return { ...changed, timeZone: zone.timeZone, formerZones: [...others, ended] }
}

/** Whether two keys of one hash mean the same; the order of rights and of origins says nothing. */
export function sameKey(a: StoredKey, b: StoredKey): boolean {
  return meaningOf(a) === meaningOf(b)
}

function meaningOf({ merchant, kind, rights, origins, quota, tool }: StoredKey): string {
  return JSON.stringify([merchant, kind, [...rights].sort(), [...origins].sort(), quota, tool])
}

/** A key's meaning never changes: holders of the old meaning may be cached anywhere. */
export function keyTakenError(hash: string): RangeError {
  return new RangeError(`the key ${hash} has another meaning already`)
}

/** @throws RangeError where a date asked for is one that the same call deletes */
export function checkSecretDates(dates: readonly string[], keepFrom: string): void {
  for (const date of dates) {
    if (date < keepFrom) throw new RangeError(`the secret of ${date} is deleted for ever (kept from ${keepFrom})`)
  }
}

/** @throws RangeError where the page is not 1 to `maxMerchantsPage` merchants */
export function checkPage(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > maxMerchantsPage) {
    throw new RangeError(`a page holds 1 to ${maxMerchantsPage} merchants, asked for ${limit}`)
  }
}

/** @throws RangeError where the page is not 1 to `maxChangedDaysPage` days */
export function checkChangedDaysPage(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > maxChangedDaysPage) {
    throw new RangeError(`a page holds 1 to ${maxChangedDaysPage} changed days, asked for ${limit}`)
  }
}

/** @throws RangeError where there are too few or too many units, one is empty, or two of a merchant overlap */
export function checkUnits(table: string, units: readonly DerivedUnit[]): void {
  if (units.length < 1 || units.length > maxDerivationUnits) {
    throw new RangeError(`a derivation of ${table} holds 1 to ${maxDerivationUnits} units, not ${units.length}`)
  }
  const sorted = [...units].sort((a, b) =>
    a.merchant < b.merchant ? -1 : a.merchant > b.merchant ? 1 : a.start - b.start,
  )
  for (const [index, { merchant, start, end }] of sorted.entries()) {
    const before = sorted[index - 1]
    const overlaps = before?.merchant === merchant && before.end > start
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || end <= start || overlaps) {
      throw new RangeError(`a derivation of ${table} cannot hold [${start}, ${end}) of ${merchant}`)
    }
  }
}

/**
 * What a rewrite replaces must be what readers read.
 * @throws CommitConflictError where it is not
 */
export function checkReplaces(table: string, found: string | null, replaces: string | null): void {
  if (found === replaces) return
  throw new CommitConflictError(table, replaces ?? 'no snapshot', found ?? 'no snapshot')
}

/** @throws RangeError where the file is not named by 1 to 64 hex digits, or the progress runs backward */
export function checkImport(file: string, { done, sending, at }: ImportProgress): void {
  const numbers = [done, sending, at].every((value) => Number.isSafeInteger(value) && value >= 0)
  if (!/^[0-9a-f]{1,64}$/.test(file) || !numbers || sending < done) {
    throw new RangeError(`the import of ${file} cannot have come to ${done}, sending to ${sending}, at ${at}`)
  }
}

/** @throws RangeError where the range of records runs backward */
export function checkAcceptedRange(log: string, from: number, through: number): void {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(through) || from < 0 || through < from) {
    throw new RangeError(`accepted records of log ${log} run from ${from} to ${through}`)
  }
}

/**
 * The chosen files among the unpublished ones, in commit order, which is the order of publication.
 * @throws RangeError where a name is not among them, or comes twice, or none is named
 */
export function chooseFiles(unpublished: readonly StagedFile[], names: readonly string[]): readonly StagedFile[] {
  const wanted = new Set(names)
  const chosen = unpublished.filter((file) => wanted.has(file.name))
  if (names.length === 0 || wanted.size !== names.length || chosen.length !== names.length) {
    const known = new Set(unpublished.map((file) => file.name))
    const missing = names.find((name) => !known.has(name))
    throw new RangeError(
      missing === undefined
        ? 'a publication needs at least one file, each named once'
        : `${missing} is not a committed, unpublished file of the table`,
    )
  }
  return chosen
}
