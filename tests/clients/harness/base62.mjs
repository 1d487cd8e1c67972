const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The form in which a slug carries an id: its twelve bytes as one number, in 16 or more digits. */
export function base62(id) {
  let number = BigInt(`0x${id}`);
  let text = '';
  while (number > 0n) {
    text = DIGITS[Number(number % 62n)] + text;
    number /= 62n;
  }
  return text;
}
