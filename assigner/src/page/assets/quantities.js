// Quantities as text for people, in the form of `emberkeep admin`.

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const count = (value) => whole.format(value);

/** `1 slice`, `2 slices`. */
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** A load in thousandths of a unit a second as `132.1/s`. */
export function perSecond(milli) {
  const units = milli / 1000;
  return `${units >= 10_000 ? whole.format(units) : number.format(units)}/s`;
}

/** A share in thousandths as `13.2 %`. */
export const percent = (thousandths) =>
  `${thousandths >= 1000 || thousandths === 0 ? whole.format(thousandths / 10) : number.format(thousandths / 10)} %`;

/** A factor in thousandths as `1.04`. */
export const times = (thousandths) => `${(thousandths / 1000).toFixed(2)}×`;

/** A time in its two largest units: `15 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(millis) {
  const seconds = Math.floor(millis / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

/** A number of bytes as `512 B`, `1.5 MiB`. */
export function size(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return unit === 0 ? `${bytes} B` : `${number.format(bytes / 1024 ** unit)} ${units[unit]}`;
}
