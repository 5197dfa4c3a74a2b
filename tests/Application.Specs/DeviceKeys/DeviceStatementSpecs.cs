using System.Text;
using ChatCqrs.Application.DeviceKeys;
using ChatCqrs.Domain;

namespace ChatCqrs.Application.Specs.DeviceKeys;

/// <summary>A statement's bytes have one form: clients hash and sign them.</summary>
public sealed class DeviceStatementSpecs
{
    private const string Phone = "0198c2a4-7f00-7000-8000-0000000000d1";
    private const string Laptop = "0198c2a4-7f00-7000-8000-0000000000d2";

    private static readonly string Zeros = Convert.ToBase64String(new byte[32]);
    private static readonly string Key = Convert.ToBase64String(Enumerable.Repeat((byte)0xFB, 32).ToArray());
    private static readonly string Approval = Convert.ToBase64String(Enumerable.Repeat((byte)7, 64).ToArray());

    private static string Devices =>
        "[" + Device(Phone) + "," + Device(Laptop) + "]";

    /// <summary>With every member.</summary>
    private static string Approved =>
        $$"""{"user_id":"0198c2a4-7f00-7000-8000-0000000000a1","version":3,"previous":"{{Key}}","devices":{{Devices}}"""
        + $$""","approved_by":"{{Phone}}","approval":"{{Approval}}","salt":"{{Zeros}}"}""";

    private static string Reset =>
        $$"""{"user_id":"0198c2a4-7f00-7000-8000-0000000000a1","version":3,"previous":"{{Key}}","devices":[]"""
        + $$""","reset":true,"salt":"{{Zeros}}"}""";

    [Fact]
    public void A_statement_is_read_and_written_in_its_one_form()
    {
        var approved = DeviceStatement.Parse(Encoding.UTF8.GetBytes(Approved));
        var reset = DeviceStatement.Parse(Encoding.UTF8.GetBytes(Reset));

        Assert.Equal(Approved, Encoding.UTF8.GetString(approved.Encode()));
        Assert.Equal((3, Phone, Laptop), (
            approved.Version, approved.Devices[0].Device.ToString(), approved.Devices[1].Device.ToString()));
        Assert.Equal(Phone, approved.ApprovedBy.ToString());
        Assert.Equal(Reset, Encoding.UTF8.GetString(reset.Encode()));
        Assert.True(reset.IsReset);
    }

    [Fact]
    public void An_approval_signs_the_bytes_without_itself()
    {
        var approved = DeviceStatement.Parse(Encoding.UTF8.GetBytes(Approved));
        byte[]? signed = null;
        var again = (approved with { Approval = null, ApprovedBy = null }).Approved(
            approved.ApprovedBy!.Value,
            bytes =>
            {
                signed = bytes;
                return Convert.FromBase64String(Approval);
            });

        var without = Approved.Replace($"\"approval\":\"{Approval}\",", "", StringComparison.Ordinal);
        Assert.Equal(without, Encoding.UTF8.GetString(signed!));
        Assert.Equal(without, Encoding.UTF8.GetString(approved.ToSign()));
        Assert.Equal(Approved, Encoding.UTF8.GetString(again.Encode()));
    }

    [Fact]
    public void The_next_statement_orders_its_devices_and_has_a_salt_of_its_own()
    {
        var user = new UserId(Guid.CreateVersion7());
        ListedDevice[] devices =
        [
            .. Enumerable.Range(0, 20).Select(_ => new ListedDevice(
                new DeviceId(Guid.NewGuid()), new byte[32], DateTimeOffset.UnixEpoch)),
        ];

        var first = DeviceStatement.Next(user, null, devices);
        var second = DeviceStatement.Next(user, (first.Version, new byte[] { 1 }), devices);

        Assert.Equal((0L, 1L), (first.Version, second.Version));
        Assert.Equal(new byte[32], first.Previous.ToArray());
        Assert.Equal([1], second.Previous.ToArray());
        Assert.NotEqual(first.Salt.ToArray(), second.Salt.ToArray());
        Assert.Equal(first.Encode(), DeviceStatement.Parse(first.Encode()).Encode());
    }

    [Theory]
    [InlineData("\"version\":3", "\"version\":3.0")]
    [InlineData("\"version\":3", "\"version\": 3")]
    [InlineData("\"version\":3", "\"version\":-1")]
    [InlineData("\"version\":3,", "")]
    [InlineData("\"version\":3,", "\"version\":3,\"version\":3,")]
    [InlineData("\"version\":3,", "\"version\":3,\"more\":1,")]
    [InlineData("\"version\":3", "\"version\":\"3\"")]
    [InlineData("\"user_id\":\"0198c2a4", "\"user_id\":\"0198C2A4")]
    [InlineData("\"user_id\":\"0198c2a4-7f00-7000-8000-0000000000a1\"", "\"user_id\":null")]
    [InlineData("2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05Z")]
    [InlineData("-0000000000d2", "-0000000000d1")]
    [InlineData("-0000000000d2", "-0000000000d0")]
    [InlineData("\"signature_key\":\"+/v7", "\"signature_key\":\"\\u002b/v7")]
    [InlineData("\"salt\":\"AAAA", "\"salt\":\"")]
    [InlineData("\"approval\":\"BwcHBwcH", "\"approval\":\"BwcH")]
    [InlineData("\"approved_by\":\"0198c2a4-7f00-7000-8000-0000000000d1\",", "")]
    [InlineData("\"salt\":", "\"reset\":true,\"salt\":")]
    [InlineData("\"salt\":", "\"reset\":false,\"salt\":")]
    [InlineData("\"devices\":[", "\"devices\":[null,")]
    public void Another_form_is_no_statement(string from, string to)
    {
        Assert.Contains(from, Approved, StringComparison.Ordinal);
        Assert.Throws<FormatException>(
            () => DeviceStatement.Parse(Encoding.UTF8.GetBytes(Approved.Replace(from, to, StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{")]
    public void Other_bytes_are_no_statement(string text) =>
        Assert.Throws<FormatException>(() => DeviceStatement.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void A_statement_has_at_most_64_devices_and_those_fit()
    {
        static byte[] With(int count) => DeviceStatement.Next(
            new UserId(Guid.Empty), null,
            Enumerable.Range(0, count).Select(_ => new ListedDevice(
                new DeviceId(Guid.NewGuid()), new byte[32], DateTimeOffset.UnixEpoch))).Encode();

        Assert.Equal(64, DeviceStatement.Parse(With(64)).Devices.Count);
        Assert.Throws<FormatException>(() => DeviceStatement.Parse(With(65)));
        Assert.Throws<FormatException>(() => DeviceStatement.Parse(new byte[DeviceStatement.BytesMax + 1]));
    }

    private static string Device(string id) =>
        $$"""{"device_id":"{{id}}","signature_key":"{{Key}}","registered_at":"2026-01-02T03:04:05.678Z"}""";
}
