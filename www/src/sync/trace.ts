/** The traffic of the last minute: bytes sent above the line, received below it, on a logarithmic scale. */

/** A canvas that is fed with running totals. */
export class Trace {
  readonly #canvas: HTMLCanvasElement;
  readonly #sent = new Float64Array(SLOTS);
  readonly #received = new Float64Array(SLOTS);
  #totals: readonly [number, number] | undefined;
  #at = 0;
  /** Steps since something was last seen; once the whole minute is quiet nothing needs drawing. */
  #quiet = SLOTS;

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    new MutationObserver(() => this.#draw()).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }

  /** Advances by one step: `SLOTS` of them are a minute. */
  step(sentTotal: number, receivedTotal: number): void {
    const [sentBefore, receivedBefore] = this.#totals ?? [sentTotal, receivedTotal];
    this.#totals = [sentTotal, receivedTotal];
    const sent = Math.max(0, sentTotal - sentBefore);
    const received = Math.max(0, receivedTotal - receivedBefore);
    this.#at = (this.#at + 1) % SLOTS;
    this.#sent[this.#at] = sent;
    this.#received[this.#at] = received;
    this.#quiet = sent + received > 0 ? 0 : this.#quiet + 1;
    if (this.#quiet <= SLOTS && !document.hidden) this.#draw();
  }

  #draw(): void {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const context = this.#canvas.getContext('2d');
    if (!context || width === 0) return;
    const scale = devicePixelRatio || 1;
    if (this.#canvas.width !== Math.round(width * scale)) this.#canvas.width = Math.round(width * scale);
    if (this.#canvas.height !== Math.round(height * scale)) this.#canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(this.#canvas);
    const middle = Math.round(height / 2);
    const step = width / SLOTS;
    const bar = Math.max(1, step - 0.75);
    const draw = (values: Float64Array, color: string, direction: -1 | 1): void => {
      context.fillStyle = style.getPropertyValue(color);
      for (let index = 0; index < SLOTS; index += 1) {
        const value = values[(this.#at + 1 + index) % SLOTS] ?? 0;
        if (value === 0) continue;
        const length = Math.max(1.5, (Math.log2(1 + value) / LOG2_FULL) * (middle - 1));
        const top = direction < 0 ? middle - 0.5 - length : middle + 0.5;
        context.fillRect(index * step, top, bar, Math.min(length, middle - 1));
      }
    };
    context.fillStyle = style.getPropertyValue('--line');
    context.fillRect(0, middle - 0.5, width, 1);
    draw(this.#sent, '--sent', -1);
    draw(this.#received, '--received', 1);
  }
}

/** Steps shown: a minute of quarter seconds. */
const SLOTS = 240;
/** The traffic of one step that fills the height: a megabyte. */
const LOG2_FULL = 20;
