import { describe, expect, test } from "vitest";
import {
  type CheckoutForm,
  expiryEnd,
  groupCardNumber,
  isCardNumber,
  problemsOf,
  slashExpiry,
} from "./checkout.ts";

const now = new Date(2026, 5, 15);
const good: CheckoutForm = {
  name: "Ada Wheel",
  email: "ada@example.com",
  password: "clay and water",
  cardNumber: "4242 4242 4242 4242",
  cardExpiry: "06/26",
  cardCode: "123",
};

describe("problemsOf", () => {
  test("a form that is filled in has none", () => {
    expect(problemsOf(good, now)).toEqual({});
  });
  test("an empty form has one for every field", () => {
    const empty: CheckoutForm = {
      name: "",
      email: "",
      password: "",
      cardNumber: "",
      cardExpiry: "",
      cardCode: "",
    };
    expect(Object.keys(problemsOf(empty, now)).sort()).toEqual(Object.keys(empty).sort());
  });
  test.each<Partial<CheckoutForm>>([
    { name: "   " },
    { email: "ada" },
    { email: "ada@example" },
    { password: "1234567" },
    { cardNumber: "4242 4242 4242 4241" },
    { cardExpiry: "05/26" },
    { cardExpiry: "13/27" },
    { cardCode: "12" },
  ])("%j is refused, and only that", (wrong) => {
    expect(Object.keys(problemsOf({ ...good, ...wrong }, now))).toEqual(Object.keys(wrong));
  });
});

test.each([
  ["4242424242424242", true],
  ["5555-5555-5555-4444", true],
  ["3782 822463 10005", true],
  ["4242424242424241", false],
  ["0", false],
  ["", false],
  ["4242x424242424242", false],
])("isCardNumber(%j) is %j", (text, expected) => {
  expect(isCardNumber(text)).toBe(expected);
});

test("a card is good until its month ends", () => {
  expect(expiryEnd("12/29")).toEqual(new Date(2030, 0, 1));
  expect(expiryEnd("1/29")).toBeUndefined();
});

test("typing helps", () => {
  expect(groupCardNumber("42424242a42")).toBe("4242 4242 42");
  expect(groupCardNumber("4242")).toBe("4242");
  expect(slashExpiry("04")).toBe("04");
  expect(slashExpiry("0429")).toBe("04/29");
  expect(slashExpiry("04/2")).toBe("04/2");
});
