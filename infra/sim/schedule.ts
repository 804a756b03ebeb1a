/**
 * Decides what happens next. Every call that a process makes of something outside it waits here; one by one, in an order
 * the seed draws, calls are carried out and answered. A fault is met by the first call it fits.
 *
 * Deterministic: code runs only between two choices, everything it awaits is either a call that waits here, a timer, or
 * settled; so the same seed makes the same choices. `trace` is a hash of all of them.
 */
import type { Draw } from './random.ts'
import type { SimTime, TimerOwner } from './time.ts'

/**
 * What becomes of a call: it is done and answered; refused with nothing done; done, and the answer lost; refused, and done
 * later all the same; done twice; the process dies before it is done, or when it is done.
 */
export type Fate = 'done' | 'refused' | 'answer lost' | 'done late' | 'done twice' | 'dies before' | 'dies after'

export interface Caller extends TimerOwner {
  readonly name: string
  readonly machine: string
}

export interface Call {
  readonly caller: Caller
  /** `store`, `lake`, `objects`, `disk`, `kafka`, `engine`. */
  readonly port: string
  readonly method: string
  /** Fates beside `done`, and those of death, that this call can meet. */
  readonly fates: readonly Fate[]
  readonly act: () => Promise<unknown>
  /** The error the caller gets; `known`: nothing of it happened. */
  readonly error: (outcome: 'known' | 'unknown') => Error
}

interface Waiting {
  readonly label: string
  readonly caller: Caller | null
  readonly port: string
  readonly run: () => void
  readonly call: Call | null
  /** Not before this moment. */
  readonly notBefore: number
}

/** A fate that waits for a call it fits. */
export interface SetFate {
  readonly fate: Fate
  readonly port: string | null
  /** Begins with it. */
  readonly method: string | null
  /** Met. */
  readonly onMet?: (label: string) => void
}

/** Choices that the end of a trace shows. */
export const shownChoices = 60

export class Schedule {
  step = 0
  #trace = 0x811c9dc5
  readonly #last: string[] = []
  #waiting: Waiting[] = []
  /** In order; each is met once. */
  readonly fates: SetFate[] = []
  /** What a caller cannot reach now. */
  readonly cut = new Set<string>()
  /** Choices kept for the end. */
  shown = shownChoices
  onDeath: (caller: Caller, after: string) => void = () => {}

  constructor(
    private readonly draw: Draw,
    private readonly time: SimTime,
  ) {}

  get trace(): string {
    return (this.#trace >>> 0).toString(16).padStart(8, '0')
  }

  /** The last choices, oldest first. */
  get last(): readonly string[] {
    return this.#last
  }

  note(what: string): void {
    const line = `${this.step} @${this.time.passedMs} ${what}`
    for (let i = 0; i < line.length; i++) this.#trace = Math.imul(this.#trace ^ line.charCodeAt(i), 0x01000193)
    this.#last.push(line)
    if (this.#last.length > this.shown) this.#last.shift()
  }

  /** Waits until it is chosen. Never settles where the caller dies first. */
  call<T>(call: Call): Promise<T> {
    if (call.caller.state === 'dead') return never
    return new Promise<T>((resolve, reject) => {
      const label = `${call.caller.name} ${call.port}.${call.method}`
      this.#wait(label, call, () => this.#carryOut(label, call, resolve as (value: unknown) => void, reject))
    })
  }

  /** Carries one waiting call on; false where none can go on. */
  choose(): boolean {
    this.#waiting = this.#waiting.filter(({ caller }) => caller?.state !== 'dead')
    const now = this.time.passedMs
    const ready = this.#waiting.filter((each) => each.caller?.state !== 'paused' && each.notBefore <= now)
    if (ready.length === 0) return false
    const chosen = this.draw.of(ready)
    this.#waiting.splice(this.#waiting.indexOf(chosen), 1)
    chosen.run()
    return true
  }

  /** When a call that is held back may go on; undefined where none is. */
  nextReady(): number | undefined {
    const held = this.#waiting.filter(({ caller }) => caller?.state !== 'paused').map(({ notBefore }) => notBefore)
    return held.length === 0 ? undefined : Math.min(...held)
  }

  /** Calls of dead processes that were under way and land all the same, refused. */
  dropLate(fits: (label: string) => boolean): void {
    this.#waiting = this.#waiting.filter(({ caller, label }) => caller !== null || !fits(label))
  }

  #wait(label: string, call: Call | null, run: () => void, caller = call?.caller ?? null, notBefore = 0): void {
    this.#waiting.push({ label, caller, port: call?.port ?? '', run, call, notBefore })
  }

  #fateOf(call: Call, label: string): Fate {
    if (this.cut.has(`${call.caller.machine} ${call.port}`) && call.fates.includes('refused')) return 'refused'
    const at = this.fates.findIndex(
      ({ fate, port, method }) =>
        (port === null || port === call.port) &&
        (method === null || call.method.startsWith(method)) &&
        (fate.startsWith('dies') || call.fates.includes(fate)),
    )
    const met = this.fates[at]
    if (met === undefined) return 'done'
    this.fates.splice(at, 1)
    met.onMet?.(label)
    return met.fate
  }

  #carryOut(label: string, call: Call, resolve: (value: unknown) => void, reject: (error: Error) => void): void {
    const fate = this.#fateOf(call, label)
    this.note(fate === 'done' ? label : `${label}: ${fate}`)
    const { caller } = call
    const swallow = () => undefined
    switch (fate) {
      case 'refused':
        reject(call.error('known'))
        return
      case 'dies before':
        this.onDeath(caller, label)
        return
      case 'dies after':
        call.act().then(swallow, swallow)
        this.onDeath(caller, label)
        return
      case 'done late': {
        const notBefore = this.time.passedMs + this.draw.of([0, 1, 50, 2_000, 30_000])
        this.#wait(`late ${label}`, null, () => this.#land(`late ${label}`, call), null, notBefore)
        reject(call.error('unknown'))
        return
      }
      case 'answer lost':
        call.act().then(
          () => reject(call.error('unknown')),
          // It was refused for a reason of its own: that answer was not lost.
          (error: Error) => reject(error),
        )
        return
      case 'done twice':
        call
          .act()
          .then(() => call.act())
          .then(resolve, reject)
        return
      case 'done': {
        // The answer may overtake, or be overtaken by, others'.
        const slow = this.draw.oneIn(4)
        const answered = slow
          ? (settle: () => void) => this.#wait(`answer to ${label}`, null, settle, caller)
          : (settle: () => void) => settle()
        call.act().then(
          (value) => answered(() => resolve(value)),
          (error: Error) => answered(() => reject(error)),
        )
      }
    }
  }

  #land(label: string, call: Call): void {
    this.note(label)
    call.act().catch(() => undefined)
  }
}

const never = new Promise<never>(() => {})
