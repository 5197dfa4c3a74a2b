using System.Text;
using ChatCqrs.Infrastructure.Tlog;

namespace ChatCqrs.Infrastructure.Tests.Tlog;

public sealed class WitnessPolicyTests
{
    private static readonly string[] Keys = [.. Enumerable.Range(0, 40).Select(number => Vkey($"w{number}", 4))];
    private static readonly string LogKey = Vkey("chat.example.org/v1/audit/heads", 1);

    /// <summary>The example of c2sp.org/tlog-policy: two of three, and one of three others.</summary>
    private static readonly string Example =
        $"""
        # Logs and witnesses, in any order.
        log {LogKey}

        witness X1 {Keys[0]} https://x1.example/prefix
         witness{'\t'}X2  {Keys[1]}{'\t'}https://x2.example
        witness X3 {Keys[2]}
        group X-witnesses 2 X1 X2 X3

        witness Y1 {Keys[3]}
        witness Y2 {Keys[4]}
        witness Y3 {Keys[5]}
        group Y-witnesses any Y1 Y2 Y3

        group X-and-Y all X-witnesses Y-witnesses
        quorum X-and-Y

        """;

    [Theory]
    [InlineData("", false)]
    [InlineData("X1 X2", false)]
    [InlineData("X1 X2 X3", false)]
    [InlineData("X1 Y1 Y2 Y3", false)]
    [InlineData("X1 X3 Y2", true)]
    [InlineData("X2 X3 Y3", true)]
    [InlineData("X1 X2 X3 Y1 Y2 Y3", true)]
    public void A_quorum_is_met_by_enough_of_each_group(string cosigners, bool isMet)
    {
        var policy = Parse(Example);

        Assert.Equal(["X1", "X2", "X3", "Y1", "Y2", "Y3"], policy.Witnesses.Select(witness => witness.Name));
        Assert.Equal("https://x1.example/prefix/", policy.Witnesses[0].Prefix?.AbsoluteUri);
        Assert.Equal("https://x2.example/", policy.Witnesses[1].Prefix?.AbsoluteUri);
        Assert.Null(policy.Witnesses[2].Prefix);
        Assert.Equal(isMet, policy.IsMetBy([.. policy.Witnesses.Where(
            witness => cosigners.Split(' ').Contains(witness.Name))]));
    }

    [Fact]
    public void A_single_witness_or_nobody_may_be_the_quorum()
    {
        var one = Parse($"witness w {Keys[0]}\nquorum w\n");
        Assert.True(one.HasQuorum);
        Assert.False(one.IsMetBy([]));
        Assert.True(one.IsMetBy(one.Witnesses));

        var none = Parse($"quorum none\nwitness w {Keys[0]}\n");
        Assert.False(none.HasQuorum);
        Assert.True(none.IsMetBy([]));
        Assert.Single(none.Witnesses);
    }

    [Fact]
    public void Names_are_bytes_and_may_be_no_UTF8()
    {
        byte[] policy = [.. Encoding.UTF8.GetBytes($"witness w {Keys[0]}\ngroup "), 0xFF, 0xFE,
            .. Encoding.UTF8.GetBytes(" any w\nquorum "), 0xFF, 0xFE, (byte)'\n'];

        Assert.True(WitnessPolicy.Parse(policy).HasQuorum);
    }

    [Fact]
    public void As_many_entries_as_the_format_asks_for_are_read()
    {
        var lines = new StringBuilder();
        for (var number = 0; number < WitnessPolicy.EntriesMax; number++)
        {
            lines.Append($"log {Vkey($"log{number}", 1)}\nwitness w{number} {Keys[number]}\n")
                .Append($"group g{number} all w{number}\n");
        }

        Assert.Equal(32, Parse(lines + "quorum g31\n").Witnesses.Count);
        Fails(lines + $"witness w {Keys[39]}\nquorum none\n", "line 97: there are more than 32 witnesses");
        Fails(lines + $"log {Vkey("log", 1)}\nquorum none\n", "line 97: there are more than 32 logs");
        Fails(lines + "group g all g1\nquorum none\n", "line 97: there are more than 32 groups");
    }

    [Theory]
    [InlineData("", "line 0: the policy ends without a quorum line")]
    [InlineData("# nothing\n", "line 1: the policy ends without a quorum line")]
    [InlineData("quorum none", "line 1: the line does not end with a newline")]
    [InlineData("quorum none\n\nquorum none\n", "line 3: there is a quorum already")]
    [InlineData("quorum w\n", "line 1: no line before defines w")]
    [InlineData("\n\nquorum\n", "line 3: a line is")]
    [InlineData("quorum none none\n", "line 1: a line is")]
    [InlineData("Quorum none\n", "line 1: a line is")]
    [InlineData("witness w\n", "line 1: a line is")]
    [InlineData("witness w KEY URL more\n", "line 1: a line is")]
    [InlineData("quorum none\r\n", "line 1: there is a control character (0x0d)")]
    [InlineData("# \u007f\n", "line 1: there is a control character (0x7f)")]
    [InlineData("witness w w0+00000000+AAAA\n", "line 1: This is no vkey")]
    [InlineData("witness w LOG\n", "line 1: the key is of the type 1, not 4")]
    [InlineData("log KEY\n", "line 1: the key is of the type 4, not 1")]
    [InlineData("witness none KEY\n", "line 1: the name none is taken")]
    [InlineData("witness w KEY\nwitness v KEY\n", "line 2: another witness has this key")]
    [InlineData("log LOG\nlog LOG\n", "line 2: another log has this key")]
    [InlineData("witness w KEY\nwitness w OTHER\n", "line 2: the name w is taken")]
    [InlineData("witness w KEY\ngroup w any w\n", "line 2: the name w is taken")]
    [InlineData("witness w KEY\ngroup g\n", "line 2: a line is")]
    [InlineData("witness w KEY\ngroup g any\n", "line 2: a line is")]
    [InlineData("witness w KEY\ngroup g 0 w\n", "line 2: the threshold of 1 members is 1 to 1")]
    [InlineData("witness w KEY\ngroup g 2 w\n", "line 2: the threshold of 1 members is 1 to 1")]
    [InlineData("witness w KEY\ngroup g 01 w\n", "line 2: \"01\" is no number")]
    [InlineData("witness w KEY\ngroup g most w\n", "line 2: \"most\" is no number")]
    [InlineData("witness w KEY\ngroup g any w w\n", "line 2: w is a member already")]
    [InlineData("witness w KEY\ngroup g any w\ngroup h any w\n", "line 3: w is a member already")]
    [InlineData("witness w KEY\ngroup g any none\n", "line 2: no line before defines none")]
    [InlineData("witness w KEY\ngroup g any g\n", "line 2: no line before defines g")]
    [InlineData("witness w KEY\ngroup g any h\ngroup h any w\n", "line 2: no line before defines h")]
    [InlineData("witness w KEY ftp://w.example\n", "line 1: the URL is no http or https address")]
    [InlineData("witness w KEY w.example\n", "line 1: the URL is no http or https address")]
    [InlineData("witness w KEY https://w.example/?a=b\n", "line 1: the URL is no http or https address")]
    [InlineData("witness w KEY https://a:b@w.example/\n", "line 1: the URL is no http or https address")]
    [InlineData("log LOG nowhere\n", "line 1: the URL is no http or https address")]
    public void What_is_wrong_is_named_with_its_line(string policy, string message) => Fails(
        policy.Replace("KEY", Keys[0], StringComparison.Ordinal).Replace("OTHER", Keys[1], StringComparison.Ordinal)
            .Replace("LOG", LogKey, StringComparison.Ordinal),
        message);

    [Fact]
    public void A_policy_that_is_too_large_is_refused() =>
        Assert.Throws<FormatException>(() => WitnessPolicy.Parse(new byte[WitnessPolicy.SizeMax + 1]));

    private static void Fails(string policy, string message) => Assert.StartsWith(
        message, Assert.Throws<FormatException>(() => Parse(policy)).Message, StringComparison.Ordinal);

    private static WitnessPolicy Parse(string policy) => WitnessPolicy.Parse(Encoding.UTF8.GetBytes(policy));

    private static string Vkey(string name, byte type)
    {
        using var signer = NoteSigner.Of(name, NoteSigner.NewKey());
        return new VerifierKey(name, (SignatureType)type, signer.Verifier.Raw.Span).ToString();
    }
}
