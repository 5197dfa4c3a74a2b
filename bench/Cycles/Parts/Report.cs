using System.Globalization;
using System.Text;

namespace ChatCqrs.Bench.Parts;

/// <summary>The table of figures with their targets and floors.</summary>
internal sealed class Report
{
    private readonly List<string[]> _rows = [["figure", "measured", "target", "", "floor"]];

    public void AtLeast(string figure, double? measured, double target, string unit, double? floor = null) =>
        Row(
            figure, measured, $"≥ {Text(target, unit)}",
            Verdict(measured >= target, target - measured, target), unit, floor);

    public void AtMost(string figure, double? measured, double target, string unit, double? floor = null) =>
        Row(
            figure, measured, $"≤ {Text(target, unit)}",
            Verdict(measured <= target, measured - target, target), unit, floor);

    public void Plain(string figure, double? measured, string unit, double? floor = null) =>
        Row(figure, measured, "", "", unit, floor);

    public override string ToString()
    {
        var widths = Enumerable.Range(0, _rows[0].Length)
            .Select(column => _rows.Max(row => row[column].Length)).ToArray();
        var table = new StringBuilder();
        foreach (var row in _rows)
        {
            Line(
                table,
                row.Select((cell, i) => i == 0 ? $" {cell.PadRight(widths[i])} " : $" {cell.PadLeft(widths[i])} "));
            if (row == _rows[0])
            {
                Line(table, widths.Select((width, i) => new string('-', width + 1) + (i == 0 ? '-' : ':')));
            }
        }

        return table.ToString();
    }

    private static string Verdict(bool met, double? by, double target) =>
        by is not { } excess ? "" : met ? "met" : $"missed by {Digits(Math.Ceiling(100 * excess / target))} %";

    private static string Text(double? value, string unit) =>
        value is { } number ? $"{Digits(number)} {unit}".TrimEnd() : "";

    private static string Digits(double number) =>
        number.ToString(
            Math.Abs(number) < 100 && !double.IsInteger(number) ? "0.0" : "#,0", CultureInfo.InvariantCulture);

    private static void Line(StringBuilder table, IEnumerable<string> cells) =>
        table.Append('|').AppendJoin('|', cells).Append('|').AppendLine();

    private void Row(string figure, double? measured, string target, string verdict, string unit, double? floor) =>
        _rows.Add([figure, Text(measured, unit), target, verdict, Text(floor, unit)]);
}
