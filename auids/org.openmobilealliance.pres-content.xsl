<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: BSD-2-Clause -->
<!-- Which pictures are taken: JPEG, GIF or PNG, in base64, of at most 300 KiB (409600 digits). -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
	xmlns:c="urn:oma:xml:prs:pres-content" exclude-result-prefixes="c">
	<xsl:output method="xml" omit-xml-declaration="yes"/>

	<xsl:template match="/c:content">
		<xsl:variable name="type" select="normalize-space(c:mime-type)"/>
		<xsl:variable name="data" select="translate(c:data, ' &#9;&#10;&#13;', '')"/>
		<xsl:variable name="strange" select="translate($data, concat('ABCDEFGHIJKLMNOPQRSTUVWXYZ',
			'abcdefghijklmnopqrstuvwxyz0123456789+/='), '')"/>
		<xsl:choose>
			<xsl:when test="not($type = 'image/jpeg' or $type = 'image/gif'
				or $type = 'image/png')">
				<constraint-failure phrase="element mime-type: must be image/jpeg, image/gif or image/png"/>
			</xsl:when>
			<xsl:when test="normalize-space(c:encoding) != 'base64'">
				<constraint-failure phrase="element encoding: must be base64"/>
			</xsl:when>
			<xsl:when test="$strange != '' or string-length($data) mod 4 != 0
				or string-length($data) = 0">
				<constraint-failure phrase="element data: must be base64"/>
			</xsl:when>
			<xsl:when test="string-length($data) &gt; 409600">
				<constraint-failure phrase="element data: must be at most 300 KiB"/>
			</xsl:when>
		</xsl:choose>
	</xsl:template>
</xsl:stylesheet>
