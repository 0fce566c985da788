/**
 * How far apart requests are kept. A broker is paid by the request and not by the record: one that carries two costs nearly
 * what one with twenty does, so where a few come together the next may wait for more. Who comes alone, and who brings
 * plenty already, gains nothing by waiting. Pure. As Nagle's rule (RFC 896), with a bound in time.
 */

/** From so many on a request is worth its price. */
const plenty = 8;
const step = 1.5;

export class Pace {
  private distance: number;

  /** Both in ms: the distance at rest, and the most that it may become. */
  constructor(
    private readonly least: number,
    private readonly most: number,
  ) {
    this.distance = least;
  }

  /** The distance between the beginnings of two requests, ms. */
  get distanceMs(): number {
    return this.distance;
  }

  /** Told of each request how many had come together for it. */
  gathered(count: number): void {
    const wanted = count > 1 && count < plenty ? this.distance * step : this.distance / step;
    this.distance = Math.min(Math.max(this.least, wanted), Math.max(this.least, this.most));
  }
}
