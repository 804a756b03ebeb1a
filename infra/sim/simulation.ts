/**
 * One run: a plan carried out step by step. What is common to both variants is here: time, schedule, faults, the machines
 * and their lives. A variant says what runs on them, and what has to hold.
 */

import { type Doing, type Fault, type Plan, startMs } from './plan.ts'
import { SimProcess } from './process.ts'
import type { Draw } from './random.ts'
import { drawOf } from './random.ts'
import { type Caller, Schedule } from './schedule.ts'
import { SimDisk } from './sim-disk.ts'
import { SimTime, WallClock } from './time.ts'
import { Wrong } from './wrong.ts'

/** A program that runs on a machine, started again whenever it died. */
export interface Program<T = unknown> {
  readonly name: string
  readonly machine: Machine
  /** Resolves when it runs. */
  start(process: SimProcess, life: number): Promise<T>
  /** A clean end. */
  stop(running: T): Promise<void>
}

export interface Machine {
  readonly name: string
  readonly clock: WallClock
  readonly disk: SimDisk
}

export interface Node<T = unknown> {
  readonly program: Program<T>
  process: SimProcess
  lives: number
  /** Undefined while it starts, and while it is down. */
  running: T | undefined
  stopping: boolean
}

/** How long after its death a process is started again. */
const restartsMs = [10, 1_000, 20_000]
/** Steps without anything to do before the end that a run may take: beyond, it does not come to rest. */
export const restMaxSteps = 60_000

export class Simulation {
  readonly time = new SimTime(startMs)
  readonly schedule: Schedule
  readonly draw: Draw
  readonly machines: Machine[] = []
  readonly nodes: Node[] = []
  /** Faults still come. */
  stormy = true
  /** The first law found broken. */
  wrong: Wrong | undefined
  /** What happened, by kind. */
  readonly counts: Record<string, number> = {}
  /** Told before a machine's disk is torn. */
  onPower: (machine: Machine) => void = () => {}
  readonly #world = { state: 'alive' as const }
  readonly #later: ReturnType<SimTime['timersOf']>

  constructor(readonly plan: Plan) {
    this.draw = drawOf(plan.seed, 'schedule')
    this.schedule = new Schedule(this.draw, this.time)
    this.schedule.onDeath = (caller) => this.#died(caller, 'kill')
    this.#later = this.time.timersOf(this.#world)
  }

  machine(name: string): Machine {
    const machine = { name, clock: new WallClock(this.time), disk: new SimDisk() }
    this.machines.push(machine)
    return machine
  }

  /** Later than any clock of the run can have been: they jump by a day at most, a few times. */
  get farMs(): number {
    return startMs + this.time.passedMs + 6 * 86_400_000
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by
  }

  fail(error: unknown): void {
    if (this.wrong !== undefined) return
    const seen = error instanceof Error ? error : new Error(String(error))
    this.wrong = seen instanceof Wrong ? seen : new Wrong('unexpected error', seen.stack ?? seen.message)
  }

  /** Puts a program on its machine and starts it. */
  place<T>(program: Program<T>): Node<T> {
    const node: Node<T> = { program, process: this.#process(program), lives: 0, running: undefined, stopping: false }
    this.nodes.push(node as Node)
    this.#begin(node as Node)
    return node
  }

  #process(program: Pick<Program, 'name' | 'machine'>): SimProcess {
    const { schedule, time } = this
    return new SimProcess(program.name, program.machine.name, { schedule, time, clock: program.machine.clock })
  }

  #begin(node: Node): void {
    node.process = this.#process(node.program)
    node.lives += 1
    node.stopping = false
    const { process } = node
    this.schedule.note(`${node.program.name} starts`)
    node.program.start(process, node.lives).then(
      (running) => {
        if (process.state !== 'dead') node.running = running
      },
      (error: unknown) => {
        if (process.state === 'dead') return
        this.count('failed starts')
        this.schedule.note(`${node.program.name} cannot start: ${messageOf(error)}`)
        this.#startFailed(node, error)
      },
    )
  }

  /** Set by the variant: says whether a start may fail so. */
  onStartFailed: (node: Node, error: unknown) => void = () => {}

  #startFailed(node: Node, error: unknown): void {
    this.onStartFailed(node, error)
    this.end(node, 'it could not start')
  }

  /** Ends a process for good. */
  retire(node: Node): void {
    node.process.state = 'dead'
    node.running = undefined
    this.schedule.note(`${node.program.name} retires`)
  }

  /** Ends a process at once and starts it again later. */
  end(node: Node, why: string): void {
    if (node.process.state === 'dead') return
    node.process.state = 'dead'
    node.running = undefined
    this.schedule.note(`${node.program.name} ends: ${why}`)
    const wait = this.stormy ? this.draw.of(restartsMs) : 10
    const { process } = node
    this.#later.after(wait, () => {
      if (node.process === process) this.#begin(node)
    })
  }

  #died(caller: Caller, why: string): void {
    const node = this.nodes.find(({ process }) => process === caller)
    if (node === undefined) return
    this.count('kills')
    this.end(node, why)
  }

  /** Runs what can run without a choice. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** One choice: a call goes on, or time does. */
  async step(): Promise<void> {
    await this.settle()
    this.schedule.step += 1
    this.onStep()
    const { time, schedule, draw } = this
    if (draw.oneIn(12)) {
      time.fireOne(time.passedMs + draw.of([0, 1, 5, 40]))
      return
    }
    if (schedule.choose()) return
    const due = Math.min(time.nextDue() ?? Number.POSITIVE_INFINITY, schedule.nextReady() ?? Number.POSITIVE_INFINITY)
    time.fireOne(Number.isFinite(due) ? Math.max(due, time.passedMs) : time.passedMs + 1_000)
  }

  /** The plan's part with traffic and faults. */
  async storm(act: (doing: Doing) => void): Promise<void> {
    const doings = [...this.plan.doings]
    const faults = [...this.plan.faults]
    while (this.schedule.step < this.plan.steps && this.wrong === undefined) {
      const { step } = this.schedule
      while ((doings[0]?.at ?? Number.POSITIVE_INFINITY) <= step) act((doings.shift() as (typeof doings)[number]).what)
      while ((faults[0]?.at ?? Number.POSITIVE_INFINITY) <= step) {
        await this.#meet((faults.shift() as (typeof faults)[number]).what)
      }
      await this.step()
    }
  }

  /** No more faults: what is broken is mended, whoever is stopped goes on. */
  async calm(): Promise<void> {
    this.stormy = false
    this.schedule.fates.length = 0
    this.schedule.cut.clear()
    for (const machine of this.machines) {
      const { disk } = machine
      disk.faults.length = 0
      disk.memory.resize(1024 ** 4)
      if (disk.flips.length === 0) continue
      await disk.heal()
      // What was read of the damage is still in somebody's memory.
      for (const node of this.nodes) if (node.program.machine === machine) this.end(node, 'its disk is mended')
    }
    for (const node of this.nodes) if (node.process.state === 'paused') node.process.state = 'alive'
    this.schedule.note('calm')
  }

  /** Goes on until the condition holds. @throws Wrong where it does not come to hold */
  async until(what: string, holds: () => boolean | Promise<boolean>, maxMs = 6 * 3_600_000): Promise<void> {
    const end = this.time.passedMs + maxMs
    for (let steps = 0; this.wrong === undefined; steps++) {
      if (steps % 20 === 0 && (await holds())) return
      if (this.time.passedMs > end || steps > restMaxSteps) {
        throw new Wrong('does not come to rest', `${what}, after ${steps} steps and ${maxMs} ms`)
      }
      await this.step()
    }
    throw this.wrong
  }

  /** Goes on until the promise is settled. */
  async drive<T>(what: string, promise: Promise<T>): Promise<T> {
    let settled = false
    const end = () => {
      settled = true
    }
    promise.then(end, end)
    for (let steps = 0; !settled; steps++) {
      if (steps > restMaxSteps) throw new Wrong('does not come to rest', what)
      await this.step()
      if (this.wrong !== undefined) throw this.wrong
    }
    return promise
  }

  /** All machines sleep for so long: timers that fell due meanwhile fire late. */
  rest(ms: number): void {
    this.schedule.note(`all rest ${ms} ms`)
    this.time.skip(ms)
  }

  async #meet(fault: Fault): Promise<void> {
    this.count(fault.fault === 'call' ? fault.fate : fault.fault)
    this.schedule.note(`fault ${JSON.stringify(fault)}`)
    switch (fault.fault) {
      case 'call':
        this.schedule.fates.push({ fate: fault.fate, port: fault.port, method: fault.method })
        return
      case 'disk':
        this.#machineOf(0).disk.faults.push({ kind: fault.kind, code: fault.code })
        return
      case 'kill':
        return this.end(this.#nodeOf(fault.process), 'kill')
      case 'power': {
        const { machine } = this.#nodeOf(fault.process).program
        return this.power(machine)
      }
      case 'stop':
        return this.#stop(this.#nodeOf(fault.process))
      case 'pause': {
        const { process } = this.#nodeOf(fault.process)
        if (process.state !== 'alive') return
        process.state = 'paused'
        this.#later.after(fault.ms, () => {
          if (process.state === 'paused') process.state = 'alive'
        })
        return
      }
      case 'cut': {
        const key = `${this.#machineOf(fault.machine).name} ${fault.port}`
        this.schedule.cut.add(key)
        this.#later.after(fault.ms, () => this.schedule.cut.delete(key))
        return
      }
      case 'clock':
        this.#machineOf(fault.machine).clock.offsetMs += fault.ms
        this.onClockSet()
        return
      case 'full': {
        const { disk } = this.#machineOf(0)
        const { free, total } = await disk.memory.space()
        disk.memory.resize(total - free)
        this.#later.after(fault.ms, () => disk.memory.resize(1024 ** 4))
        return
      }
      case 'flip':
      case 'objects':
        return this.onDamage(fault)
    }
  }

  /** Before each choice. */
  onStep: () => void = () => {}
  onClockSet: () => void = () => {}
  onDamage: (fault: Extract<Fault, { fault: 'flip' | 'objects' }>) => Promise<void> = async () => {}

  /** Every process of the machine is gone, and what was not synced is gone in part. */
  async power(machine: Machine): Promise<void> {
    for (const node of this.nodes) if (node.program.machine === machine) this.end(node, 'power cut')
    await this.settle()
    this.onPower(machine)
    this.schedule.note(`the disk of ${machine.name} is ${await machine.disk.powerCut(this.draw, 'log')}`)
  }

  #stop(node: Node): void {
    if (node.running === undefined || node.stopping) return
    node.stopping = true
    const { process } = node
    node.program.stop(node.running).then(
      () => this.end(node, 'stopped'),
      (error: unknown) => {
        if (process.state !== 'dead') this.end(node, `could not stop cleanly: ${messageOf(error)}`)
      },
    )
  }

  #nodeOf(number: number): Node {
    return this.nodes[number % this.nodes.length] as Node
  }

  #machineOf(number: number): Machine {
    return this.machines[number % this.machines.length] as Machine
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.message}` : String(error)
}
