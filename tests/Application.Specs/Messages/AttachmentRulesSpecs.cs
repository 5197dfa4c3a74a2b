using System.Text.Json;
using ChatCqrs.Application.Messages;

namespace ChatCqrs.Application.Specs.Messages;

public sealed class AttachmentRulesSpecs
{
    private const string Id = "0198c2a4-7f00-7000-8000-0000000000a1";

    [Theory]
    [InlineData("image", "\"" + Id + "\"")]
    [InlineData("contact", "\"" + Id + "\"")]
    [InlineData("image", "{}")]
    [InlineData("image", """{"caption":{"any":["thing"]},"name":null}""")]
    [InlineData("video", """{"file_id":"0198c2a4-7f00-7000-8000-0000000000a1","name":"a","size":0}""")]
    [InlineData("video", """{"content_type":"video/mp4","width":1,"height":2,"duration_ms":3}""")]
    [InlineData("audio", """{"waveform":[0,255,1.5],"voice":true}""")]
    [InlineData("image", """{"thumbhash":"1QcSHQRnh493V4dIh4eXh1h4kJUI","sticker":true}""")]
    [InlineData("location", """{"latitude":-90,"longitude":180.0,"accuracy_m":2.5,"name":"Here","address":"There"}""")]
    [InlineData("contact", """{"name":"Ann","phones":["+12025550123"]}""")]
    [InlineData("contact", """{"user_id":"0198c2a4-7f00-7000-8000-0000000000a1"}""")]
    [InlineData("contact", """{"phones":[]}""")]
    [InlineData("poll", """{"options":["Yes","No"]}""")]
    [InlineData("poll", """{"options":["Yes","No"],"multiple":true}""")]
    public void What_is_described_is_taken(string type, string json) => Assert.Null(FaultOf(type, json));

    [Theory]
    [InlineData("image", "7")]
    [InlineData("image", "[]")]
    [InlineData("image", "\"a.png\"")]
    [InlineData("document", """{"file_id":"a.pdf"}""")]
    [InlineData("document", """{"file_id":" 0198c2a4-7f00-7000-8000-0000000000a1"}""")]
    [InlineData("image", """{"thumbnail_file_id":7}""")]
    [InlineData("image", """{"name":7}""")]
    [InlineData("image", """{"content_type":["image/png"]}""")]
    [InlineData("image", """{"size":-1}""")]
    [InlineData("image", """{"width":1.5}""")]
    [InlineData("image", """{"height":"2"}""")]
    [InlineData("video", """{"duration_ms":1e30}""")]
    [InlineData("audio", """{"waveform":[]}""")]
    [InlineData("audio", """{"waveform":[256]}""")]
    [InlineData("audio", """{"waveform":[-1]}""")]
    [InlineData("audio", """{"waveform":["1"]}""")]
    [InlineData("audio", """{"voice":1}""")]
    [InlineData("image", """{"sticker":false}""")]
    [InlineData("image", """{"thumbhash":"?"}""")]
    [InlineData("location", "{}")]
    [InlineData("location", "null")]
    [InlineData("location", "\"" + Id + "\"")]
    [InlineData("location", """{"latitude":1}""")]
    [InlineData("location", """{"latitude":null,"longitude":1}""")]
    [InlineData("location", """{"latitude":90.1,"longitude":1}""")]
    [InlineData("location", """{"latitude":1,"longitude":-181}""")]
    [InlineData("location", """{"latitude":1,"longitude":1e999}""")]
    [InlineData("location", """{"latitude":"1","longitude":1}""")]
    [InlineData("location", """{"latitude":1,"longitude":1,"accuracy_m":-1}""")]
    [InlineData("contact", """{"phones":["0151 1234"]}""")]
    [InlineData("contact", """{"phones":"+12025550123"}""")]
    [InlineData("contact", """{"user_id":"ann"}""")]
    [InlineData("poll", """{"options":["Yes"]}""")]
    [InlineData("poll", """{"options":["Yes","\u200b"]}""")]
    [InlineData("poll", """{"options":["1","2","3","4","5","6","7","8","9","10","11","12","13"]}""")]
    [InlineData("poll", """{"options":["Yes",7]}""")]
    [InlineData("poll", """{"options":["Yes","No"],"multiple":1}""")]
    [InlineData("poll", """{"multiple":true}""")]
    public void Another_type_or_range_is_refused(string type, string json) => Assert.NotNull(FaultOf(type, json));

    [Fact]
    public void Lists_and_hashes_have_a_length()
    {
        Assert.Null(FaultOf("audio", $$"""{"waveform":[{{Zeros(64)}}]}"""));
        Assert.NotNull(FaultOf("audio", $$"""{"waveform":[{{Zeros(65)}}]}"""));
        Assert.Null(FaultOf("image", $$"""{"thumbhash":"{{Convert.ToBase64String(new byte[64])}}"}"""));
        Assert.NotNull(FaultOf("image", $$"""{"thumbhash":"{{Convert.ToBase64String(new byte[65])}}"}"""));
        Assert.Null(FaultOf("poll", $$"""{"options":["{{new string('x', 100)}}","No"]}"""));
        Assert.NotNull(FaultOf("poll", $$"""{"options":["{{new string('x', 101)}}","No"]}"""));
    }

    private static string Zeros(int count) => string.Join(',', Enumerable.Repeat(0, count));

    private static string? FaultOf(string type, string json) => AttachmentRules.FaultOf(
        MessageTypes.Parse(type)!.Value, JsonSerializer.Deserialize<JsonElement?>(json));
}
