/** What the checkout form asks for, as typed. */
export interface CheckoutForm {
  name: string;
  email: string;
  password: string;
  cardNumber: string;
  /** `MM/YY`. */
  cardExpiry: string;
  cardCode: string;
}

export type Problems = Partial<Record<keyof CheckoutForm, string>>;

/** The shortest password that an account takes. */
export const PASSWORD_LENGTH_MIN = 8;

/** Returns what is wrong with each field, said to the person who filled it in; empty when all is well. */
export function problemsOf(form: CheckoutForm, now: Date): Problems {
  const problems: Problems = {};
  if (form.name.trim() === "") problems.name = "Tell us who will collect the order.";
  if (form.email.trim() === "") problems.email = "We need an address to send the receipt to.";
  else if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(form.email.trim()))
    problems.email = "This doesn't look like an e-mail address: name@example.com.";
  if (form.password.length < PASSWORD_LENGTH_MIN)
    problems.password = `Choose a password of at least ${PASSWORD_LENGTH_MIN} characters.`;
  if (!isCardNumber(form.cardNumber))
    problems.cardNumber = "Check the number on the front of the card.";
  const ends = expiryEnd(form.cardExpiry);
  if (!ends) problems.cardExpiry = "Month and year, like 04/29.";
  else if (ends <= now) problems.cardExpiry = "This card has expired.";
  if (!/^\d{3,4}$/.test(form.cardCode.trim())) problems.cardCode = "3 or 4 digits.";
  return problems;
}

/** Tells whether the digits are as many as cards have and their check digit (Luhn, ISO/IEC 7812-1) is right. */
export function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/[\s-]/g, "");
  if (!/^\d{12,19}$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = digit * 2;
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Returns the first moment, local time, at which a card with this expiry (`MM/YY`) is no longer good. */
export function expiryEnd(text: string): Date | undefined {
  const match = /^(0[1-9]|1[0-2])\s*\/\s*(\d{2})$/.exec(text.trim());
  return match ? new Date(2000 + Number(match[2]), Number(match[1]), 1) : undefined;
}

/** Returns the digits in groups of four, as a card shows them. */
export const groupCardNumber = (text: string): string =>
  text
    .replaceAll(/\D/g, "")
    .slice(0, 19)
    .replaceAll(/(\d{4})(?=\d)/g, "$1 ");

/** Returns an expiry with its slash put in once the month is complete. */
export function slashExpiry(text: string): string {
  const digits = text.replaceAll(/\D/g, "").slice(0, 4);
  return digits.length > 2 ? `${digits.slice(0, 2)}/${digits.slice(2)}` : digits;
}
